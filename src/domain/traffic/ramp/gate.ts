import { falseStopShare, likelihoodRatio, showsMoreErrors } from './always-valid.js';
import { pagingBurnRate } from './burn-rate.js';
import { findBurst } from './error-burst.js';
import type { Evidence } from './evidence.js';
import { type LatencyComparison, showsSlower } from './mann-whitney.js';
import { findRefusing } from './refused-users.js';
import type { RampSettings } from './settings.js';
import { findCrossUserResponse, findMismatch } from './shadow-limit.js';

export const rampVerdicts = ['advance', 'hold', 'back', 'not_enough_evidence'] as const;
export type RampVerdict = (typeof rampVerdicts)[number];

/** What a decision rests on, for programs; the sentence is for people. */
export type Reason =
  | 'all_clear'
  | 'errors_at_once'
  /** An answer that belonged to another call, or a record of another user than legacy's. */
  | 'anothers_answer'
  | 'more_errors'
  /** The cube refuses what legacy accepts. */
  | 'more_refusals'
  /** The cube cannot write where its users' writes go. */
  | 'cannot_write'
  | 'not_ready'
  | 'too_slow'
  | 'shadow_mismatch'
  | 'metrics_missing'
  | 'burn_rate'
  | 'time_not_passed'
  /** In the time of a step, or half a minute of it, the cube got no request of a user. */
  | 'no_users'
  | 'few_requests'
  | 'few_users'
  /** All else is well: the latencies of the step are to be compared now. */
  | 'latencies_due'
  | 'slower';

export interface Decision {
  readonly verdict: RampVerdict;
  readonly reason: Reason;
  readonly sentence: string;
}

/** Metrics that are missing for so long send a ramp back. */
const maxMissingMillis = 5 * 60_000;
/** After this many checks in a row without metrics, the ramp reports that. */
const missingTimes = 4;
/** Longer than the gateways take to close a window of users. */
const noUsersMillis = 30_000;
/** A registry that was emptied has its instances again before the second observation. */
const unreadyTimes = 2;

/**
 * Decides about the step a ramp is at, in this order: whatever sends it back; whatever holds it; what it still lacks. No
 * data never passes. `latencies`, compared once at the end of a step, are requested by the reason `latencies_due`.
 */
export function judge(
  evidence: Evidence,
  percentage: number,
  settings: RampSettings,
  latencies?: LatencyComparison,
): Decision {
  return (
    (percentage > 0 ? reasonToGoBack(evidence, percentage, settings) : undefined) ??
    reasonToHold(evidence, percentage, settings) ??
    (percentage > 0 ? lackOfEvidence(evidence, percentage, settings, latencies) : undefined) ?? {
      verdict: 'advance',
      reason: 'all_clear',
      sentence:
        percentage === 0
          ? 'The cube is ready and the gateways report their metrics.'
          : `At ${percentage} % ${evidence.step.requests} requests of the cube showed nothing against it.`,
    }
  );
}

function reasonToGoBack(evidence: Evidence, percentage: number, settings: RampSettings): Decision | undefined {
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

function reasonToHold(evidence: Evidence, percentage: number, settings: RampSettings): Decision | undefined {
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

function lackOfEvidence(
  evidence: Evidence,
  percentage: number,
  settings: RampSettings,
  latencies: LatencyComparison | undefined,
): Decision | undefined {
  const { step } = evidence;
  const { minimums, interval_seconds } = settings;
  const leftMillis = Math.max(0, interval_seconds * 1000 - step.watchedMillis);
  const leftRequests = Math.max(0, minimums.requests - step.requests);
  const needs = neededText(leftMillis, leftRequests);
  if (step.requests === 0 && (leftMillis === 0 || step.watchedMillis >= noUsersMillis))
    return {
      verdict: leftMillis > 0 ? 'hold' : 'not_enough_evidence',
      reason: 'no_users',
      sentence: `${noUsersText(step, percentage)} ${needs}`,
    };
  if (leftMillis > 0)
    return {
      verdict: 'hold',
      reason: 'time_not_passed',
      sentence: `At ${percentage} % for ${secondsText(step.watchedMillis)} with ${step.requests} requests of the cube. ${needs}`,
    };
  const few = (reason: Reason, have: number, need: number, what: string): Decision => ({
    verdict: 'not_enough_evidence',
    reason,
    sentence: `Not enough evidence at ${percentage} %: ${have} ${what}, about ${need - have} more are needed.`,
  });
  if (step.requests < minimums.requests)
    return few('few_requests', step.requests, minimums.requests, 'requests of the cube');
  if (latencies === undefined)
    return {
      verdict: 'hold',
      reason: 'latencies_due',
      sentence: `The latencies at ${percentage} % are being compared.`,
    };
  if (latencies.cubeUsers < minimums.users)
    return few('few_users', latencies.cubeUsers, minimums.users, 'users of the cube');
  // At 100 % there are no users to compare with; the steps before had some.
  if (percentage < 100 && latencies.legacyUsers < minimums.users)
    return few('few_users', latencies.legacyUsers, minimums.users, 'users of legacy to compare with');
  if (percentage < 100 && showsSlower(latencies))
    return {
      verdict: 'hold',
      reason: 'slower',
      sentence: `The cube is slower: the median user waits ${millisText(latencies.cubeMillis)} there and ${millisText(latencies.legacyMillis)} at legacy (p = ${latencies.pValue.toPrecision(1)}); it is compared again after another ${interval_seconds} s.`,
    };
  return undefined;
}

function neededText(leftMillis: number, leftRequests: number): string {
  const parts = [
    ...(leftMillis > 0 ? [secondsText(leftMillis)] : []),
    ...(leftRequests > 0 ? [`${leftRequests} requests of the cube`] : []),
  ];
  return `The step still needs ${parts.join(' and ')}.`;
}

function noUsersText({ watchedMillis, legacyRequests }: Evidence['step'], percentage: number): string {
  const time = `in ${secondsText(watchedMillis)} at ${percentage} %`;
  return legacyRequests === 0
    ? `No users are coming: ${time} the gateways counted no request of a user.`
    : `No users of the cube are coming: ${time} legacy got ${legacyRequests} requests of users, and the cube none.`;
}

/** Undefined while no user got, or would have got, the answer of another. */
function crossUserResponseText({ crossUserResponses: count, shadow }: Evidence): string | undefined {
  if (count > 0)
    return `${count === 1 ? 'An answer' : `${count} answers`} of the cube belonged to another call; no user got to see it.`;
  const found = findCrossUserResponse(shadow);
  return found === undefined
    ? undefined
    : `In the shadow comparison the cube answered ${found.route} with the record of another user: ${found.field} differs from legacy’s.`;
}

function ratioText(evidence: Evidence): string {
  const ratio = likelihoodRatio(evidence.errors);
  return ratio > 1e6 ? 'over a million' : String(Math.round(ratio));
}

function burnText(burn: number): string {
  return `The cube uses up its budget of errors ${burn.toFixed(1)} times as fast as it may`;
}

function mismatchText({
  route,
  field,
  mismatched,
  compared,
}: {
  route: string;
  field: string;
  mismatched: number;
  compared: number;
}): string {
  return `In the shadow comparison ${field} of ${route} differs in ${mismatched} of ${compared} answers, more than 0.03 %.`;
}

function lineText({ latency }: Evidence): string {
  const { cubeSeconds, legacySeconds } = latency;
  return `The cube's p99 of ${millisText((cubeSeconds ?? 0) * 1000)} is above twice legacy's ${millisText((legacySeconds ?? 0) * 1000)} and above it by 100 ms`;
}

function secondsText(millis: number): string {
  const seconds = Math.max(1, Math.round(millis / 1000));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function millisText(millis: number | null): string {
  return millis === null ? 'unknown' : `${millis < 10 ? millis.toFixed(1) : Math.round(millis)} ms`;
}
