import { pagingBurnRate } from './burn-rate.js';
import type { Decision, Reason } from './decision.js';
import type { Evidence } from './evidence.js';
import { burnText, crossUserResponseText, lineText, mismatchText, secondsText } from './evidence-texts.js';
import type { RampSettings } from './settings.js';
import { findMismatch } from './shadow-limit.js';

/** After this many checks in a row without metrics, the ramp reports that. */
const missingTimes = 4;

/** What is not well, and not bad enough to go back: no more users come to the cube while it lasts. */
export function reasonToHold(evidence: Evidence, percentage: number, settings: RampSettings): Decision | undefined {
  const hold = (reason: Reason, sentence: string): Decision => ({ verdict: 'hold', reason, sentence });
  const { missing, latency } = evidence;
  if (missing !== null) {
    const often =
      missing.times >= missingTimes
        ? `Metrics are missing for the ${missing.times}th time in a row`
        : 'Metrics are missing';
    return hold('metrics_missing', `${often}: ${missing.what}`);
  }
  // At 0 % there is no user to send back, and no user may be moved to the cube.
  const crossUser = crossUserResponseText(evidence);
  if (crossUser !== undefined) return hold('anothers_answer', crossUser);
  if (evidence.unreadyTimes > 0) return hold('not_ready', 'No instance of the cube is ready.');
  const burn = pagingBurnRate(evidence.burn, settings.error_budget_percent);
  if (burn !== undefined) return hold('burn_rate', `${burnText(burn)}.`);
  const mismatch = findMismatch(evidence.shadow);
  if (mismatch !== undefined) return hold('shadow_mismatch', mismatchText(mismatch));
  if (percentage > 0 && latency.aboveMillis > 0)
    return hold(
      'too_slow',
      `${lineText(evidence)} for ${secondsText(latency.aboveMillis)}; after ${settings.slow_seconds} s it goes back.`,
    );
  return undefined;
}
