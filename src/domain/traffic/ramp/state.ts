import { likelihoodRatio } from './always-valid.js';
import type { CounterSnapshot } from './counters.js';
import type { RampVerdict } from './decision.js';
import { type Evidence, freshEvidence } from './evidence.js';
import {
  allowedRampActions,
  type RampInput,
  type RampStatus,
  type RampView,
  rampWorkflowId,
  type WeightReset,
} from './ramp.js';
import { loweredSettings } from './settings.js';

/** Why a ramp has its status. */
export interface RampReason {
  readonly verdict: RampVerdict | null;
  readonly reason: string;
  readonly sentence: string;
}

/** All that a ramp remembers across a continue-as-new; plain data. */
export interface RampState {
  status: RampStatus;
  /** Since when the status holds, epoch milliseconds. */
  since: number;
  why: RampReason;
  /** The weight that the ramp set, or took over. */
  percentage: number;
  /** The weight at the last observation; another program has set it where it differs from the ramp's. */
  found: number;
  /** Number of changes of the flags at the last observation; undefined before the first. */
  revision?: number;
  /** Whether the ramp has seen the weight that it begins at. */
  began: boolean;
  evidence: Evidence;
  snapshot: CounterSnapshot;
  /** When the ramp observed the gateways last, epoch milliseconds; null before the first time. */
  lastObservedAt: number | null;
  checks: number;
  rollbacks: readonly WeightReset[];
  holdOffUntil: number | null;
}

export function newRampState(now: number): RampState {
  return {
    status: 'ramping',
    since: now,
    why: { verdict: null, reason: 'started', sentence: 'The ramp was started; it looks around.' },
    percentage: 0,
    found: 0,
    began: false,
    evidence: freshEvidence,
    snapshot: {},
    lastObservedAt: null,
    checks: 0,
    rollbacks: [],
    holdOffUntil: null,
  };
}

/** A ramp as people and programs see it. */
export function rampView(input: RampInput, state: RampState, runId: string | null): RampView {
  const { evidence } = state;
  const { latency, shadow } = evidence;
  return {
    cube: input.cube,
    workflow_id: rampWorkflowId(input.cube),
    run_id: runId,
    status: state.status,
    percentage: state.found,
    target_percentage: input.steps.at(-1) ?? 0,
    steps: input.steps,
    ...state.why,
    since: isoTime(state.since),
    checks: state.checks,
    checked_at: state.lastObservedAt === null ? null : isoTime(state.lastObservedAt),
    evidence: {
      step_watched_seconds: Math.round(evidence.step.watchedMillis / 1000),
      step_requests: evidence.step.requests,
      step_failed_requests: evidence.step.failed,
      likelihood_ratio: Number(likelihoodRatio(evidence.errors).toPrecision(3)),
      cube_p99_ms: inMillis(latency.cubeSeconds),
      legacy_p99_ms: inMillis(latency.legacySeconds),
      shadow_compared: Object.values(shadow.compared).reduce((sum, count) => sum + count, 0),
      shadow_mismatched: shadow.mismatched.reduce((sum, { count }) => sum + count, 0),
    },
    rollbacks: state.rollbacks,
    hold_off_until: state.holdOffUntil === null ? null : isoTime(state.holdOffUntil),
    settings: input.settings,
    lowered: loweredSettings(input.settings),
    started_by: input.by,
    actions: allowedRampActions(state.status),
  };
}

function isoTime(millis: number): string {
  return new Date(millis).toISOString();
}

function inMillis(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 10_000) / 10;
}
