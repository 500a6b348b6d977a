import { addUsers, type ErrorTest, freshErrorTest } from './always-valid.js';
import { addRequests, type BurnHistory } from './burn-rate.js';
import type { Increment } from './counters.js';
import { addRecent, type RecentRequests } from './error-burst.js';
import { addDurations, emptyLatencyHistograms, type LatencyHistograms } from './latency-line.js';
import { addRefusedUsers, type RefusedUsersByRoute } from './refused-users.js';
import { addShadow, freshShadowEvidence, type ShadowEvidence } from './shadow-limit.js';

/** All that a ramp has seen and is judged by; plain data, small enough to be carried along. */
export interface Evidence {
  /** The ramp's clock: time that it watched. A jump of the clock, or hours without a worker, do not count. */
  readonly watchedMillis: number;
  /** Since the weight was set: time, requests of the cube and how many of them failed, requests of legacy. */
  readonly step: {
    readonly watchedMillis: number;
    readonly requests: number;
    readonly failed: number;
    readonly legacyRequests: number;
  };
  readonly errors: ErrorTest;
  /** Users whom the cube refused, by route. */
  readonly refusals: RefusedUsersByRoute;
  readonly recent: RecentRequests;
  readonly burn: BurnHistory;
  readonly latency: LatencyHistograms;
  readonly shadow: ShadowEvidence;
  /** Answers of the cube that belonged to another call. */
  readonly crossUserResponses: number;
  /** What could not be read, how often in a row and for how long; null when all could. */
  readonly missing: { readonly what: string; readonly times: number; readonly millis: number } | null;
  /** How often in a row no instance of the cube was ready. */
  readonly unreadyTimes: number;
}

export const freshEvidence: Evidence = {
  watchedMillis: 0,
  step: { watchedMillis: 0, requests: 0, failed: 0, legacyRequests: 0 },
  errors: freshErrorTest,
  refusals: {},
  recent: [],
  burn: [],
  latency: emptyLatencyHistograms,
  shadow: freshShadowEvidence,
  crossUserResponses: 0,
  missing: null,
  unreadyTimes: 0,
};

/** One reading of gateways and registry. */
export interface Seen {
  readonly increment: Increment;
  /** Ready instances of the cube; null when the registry could not be read. */
  readonly ready: number | null;
  /** What could not be read, one sentence; null when all could. */
  readonly missing: string | null;
}

/** Adds an observation, `elapsedMillis` after the one before. */
export function addSeen(
  evidence: Evidence,
  { increment, ready, missing }: Seen,
  elapsedMillis: number,
  slowSeconds: number,
): Evidence {
  const watchedMillis = evidence.watchedMillis + elapsedMillis;
  const { windows, answered } = increment;
  return {
    watchedMillis,
    step: {
      watchedMillis: evidence.step.watchedMillis + elapsedMillis,
      requests: evidence.step.requests + windows.cube.requests,
      failed: evidence.step.failed + windows.cube.failed,
      legacyRequests: evidence.step.legacyRequests + windows.legacy.requests,
    },
    errors: addUsers(evidence.errors, increment.users),
    refusals: addRefusedUsers(evidence.refusals, increment.refused),
    recent: addRecent(evidence.recent, { atMillis: watchedMillis, ...answered.cube }),
    burn: addRequests(evidence.burn, watchedMillis, windows.cube),
    latency: addDurations(evidence.latency, increment.durations, elapsedMillis, slowSeconds),
    shadow: addShadow(evidence.shadow, increment.shadow),
    crossUserResponses: evidence.crossUserResponses + increment.crossUserResponses,
    missing:
      missing === null
        ? null
        : {
            what: missing,
            times: (evidence.missing?.times ?? 0) + 1,
            millis: evidence.missing === null ? 0 : evidence.missing.millis + elapsedMillis,
          },
    // A missing reading shows neither readiness nor its loss.
    unreadyTimes: ready === 0 ? evidence.unreadyTimes + 1 : ready === null ? evidence.unreadyTimes : 0,
  };
}

/**
 * How much of the time between two observations counts as watched, when the second was due after `dueMillis`: a clock that jumped,
 * or hours without a worker, make no step pass. Epoch milliseconds.
 */
export function watchedBetween(last: number, now: number, dueMillis: number): number {
  return Math.min(Math.max(0, now - last), 2 * dueMillis + graceMillis);
}

/** An observation takes a moment itself. */
const graceMillis = 5000;

/** For a new step: its time and counts begin, what was learnt stays. */
export function atNewStep(evidence: Evidence): Evidence {
  return { ...evidence, step: freshEvidence.step };
}
