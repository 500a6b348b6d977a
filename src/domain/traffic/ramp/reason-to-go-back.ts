import { falseStopShare, likelihoodRatio, showsMoreErrors } from './always-valid.js';
import { pagingBurnRate } from './burn-rate.js';
import type { Decision, Reason } from './decision.js';
import { findBurst } from './error-burst.js';
import type { Evidence } from './evidence.js';
import { burnText, crossUserResponseText, lineText, mismatchText, secondsText } from './evidence-texts.js';
import { findRefusing } from './refused-users.js';
import type { RampSettings } from './settings.js';
import { findMismatch } from './shadow-limit.js';

/** Metrics that are missing for so long send a ramp back. */
const maxMissingMillis = 5 * 60_000;
/** A registry that was emptied has its instances again before the second observation. */
const unreadyTimes = 2;

/** What harms users now: all of them leave the cube. The first reason found counts. */
export function reasonToGoBack(evidence: Evidence, percentage: number, settings: RampSettings): Decision | undefined {
  const back = (reason: Reason, sentence: string): Decision => ({ verdict: 'back', reason, sentence });
  const { latency, missing } = evidence;
  if (evidence.unreadyTimes >= unreadyTimes) return back('not_ready', 'No instance of the cube is ready.');
  const crossUser = crossUserResponseText(evidence);
  if (crossUser !== undefined) return back('anothers_answer', crossUser);
  const burst = findBurst(evidence.recent);
  if (burst !== undefined)
    return back('errors_at_once', `${burst.failed} of the last ${burst.requests} requests of the cube failed.`);
  if (showsMoreErrors(evidence.errors))
    return back(
      'more_errors',
      `Users of the cube meet more errors than users of legacy at the same time: ${ratioText(evidence)} times as likely as chance, the line is ${1 / falseStopShare}.`,
    );
  const refusing = findRefusing(evidence.refusals);
  if (refusing !== undefined)
    return back(
      'more_refusals',
      `The cube refuses users at ${refusing.route} (4xx) more often than legacy does at the same time: ${refusing.users} users so far.`,
    );
  if (latency.aboveMillis >= settings.slow_seconds * 1000)
    return back('too_slow', `${lineText(evidence)} for ${secondsText(latency.aboveMillis)}.`);
  const mismatch = findMismatch(evidence.shadow);
  if (mismatch?.certain) return back('shadow_mismatch', mismatchText(mismatch));
  if (missing !== null && missing.millis >= maxMissingMillis)
    return back('metrics_missing', `Metrics are missing since ${secondsText(missing.millis)}: ${missing.what}`);
  const burn = pagingBurnRate(evidence.burn, settings.error_budget_percent);
  // With no user left on legacy no comparison protects users: the budget alone decides.
  if (burn !== undefined && percentage === 100)
    return back('burn_rate', `${burnText(burn)}, and no user is left on legacy to compare with.`);
  return undefined;
}

function ratioText(evidence: Evidence): string {
  const ratio = likelihoodRatio(evidence.errors);
  return ratio > 1e6 ? 'over a million' : String(Math.round(ratio));
}
