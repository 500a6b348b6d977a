import type { TrafficName } from '../../cubes.js';
import type { NextCommand } from '../../next-command.js';
import type { RequestProof } from '../../plan-requests.js';
import type { RampVerdict } from './decision.js';
import type { RampSettings } from './settings.js';

/** One ramp of one cube: its input, its commands, and its view. */

/** What a ramp is started with; plain data. */
export interface RampInput {
  readonly cube: TrafficName;
  /** Rising, the last one the target. */
  readonly steps: readonly number[];
  readonly settings: RampSettings;
  readonly by: string;
}

/**
 * `ramping`: goes on by itself. `paused`: keeps its weight, and still goes back when it must. `holding_off`: went back, and
 * starts again by itself. `waiting`: a person decides. `completed` and `stopped` are its ends; the weight stays.
 */
export const rampStatuses = ['ramping', 'paused', 'holding_off', 'waiting', 'completed', 'stopped'] as const;
export type RampStatus = (typeof rampStatuses)[number];

/** The commands of a ramp, each an update of the workflow. */
export const rampActions = ['pause', 'resume', 'set', 'stop', 'alarm'] as const;
export type RampAction = (typeof rampActions)[number];

export interface RampRequest {
  readonly by: string;
  /** Of `set`: the weight to go on from. */
  readonly percentage?: number;
  /** Of `alarm` and `stop`: one sentence. */
  readonly why?: string;
  /** That the control API sent it. */
  readonly proof?: RequestProof;
}

export interface WeightReset {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly from_percentage: number;
  readonly reason: string;
  readonly sentence: string;
}

/** A ramp as people and programs see it. */
export interface RampView {
  readonly cube: TrafficName;
  readonly workflow_id: string;
  /** Temporal's id of the run; null while it is not known. */
  readonly run_id: string | null;
  readonly status: RampStatus;
  /** The weight that the ramp set or found. */
  readonly percentage: number;
  readonly target_percentage: number;
  readonly steps: readonly number[];
  readonly verdict: RampVerdict | null;
  readonly reason: string;
  /** Why it is where it is. */
  readonly sentence: string;
  /** Since when the status holds, ISO 8601, UTC. */
  readonly since: string;
  readonly checks: number;
  readonly checked_at: string | null;
  readonly evidence: {
    readonly step_watched_seconds: number;
    readonly step_requests: number;
    readonly step_failed_requests: number;
    readonly likelihood_ratio: number;
    readonly cube_p99_ms: number | null;
    readonly legacy_p99_ms: number | null;
    readonly shadow_compared: number;
    readonly shadow_mismatched: number;
  };
  readonly rollbacks: readonly WeightReset[];
  readonly hold_off_until: string | null;
  readonly settings: RampSettings;
  /** Settings that require less proof than usual, a sentence each. */
  readonly lowered: readonly string[];
  readonly started_by: string;
  readonly actions: readonly RampAction[];
}

/** The last view of a ramp whose plan runs no more: one that had not ended was ended by force. */
export function endedRamp(view: RampView): RampView {
  if (view.status === 'completed' || view.status === 'stopped') return view;
  const sentence = 'Its plan was ended in Temporal; the weight stays.';
  return { ...view, status: 'stopped', reason: 'ended_in_temporal', sentence, hold_off_until: null, actions: [] };
}

/** The flags of a ramp's cube at this moment. */
export interface CurrentWeight {
  readonly enabled: boolean;
  /** Null for an invalid value. */
  readonly percentage: number | null;
  /** The last change through the engine, as long as no other program has changed the flags since. */
  readonly change: { readonly by: string; readonly at: string; readonly why: string } | null;
}

/** A change of a weight after its ramp had ended; one outside of the engine may be older, since the ramp saw the weight last. */
export interface LaterChange {
  /** Null where it was not made through the engine; then neither a time nor a reason is known. */
  readonly by: string | null;
  readonly at: string | null;
  readonly why: string;
}

/** A ramp as the control API answers: what it did and found, and the weight at this moment. */
export interface RampAnswer extends RampView {
  /** Null where Redis does not answer. */
  readonly weight: { readonly enabled: boolean; readonly percentage: number | null } | null;
  /** The last change of the weight since the ramp ended; null where there was none. */
  readonly changed_since_end: LaterChange | null;
  /** What a person may type now; empty while the ramp waits for no person. */
  readonly next: readonly NextCommand[];
}

/**
 * Adds the current weight to the view of a ramp: `percentage` is the share of users on the cube now, and where the view
 * has another one, or the ramp has ended, the sentence says so.
 */
export function withCurrentWeight(view: RampView, current: CurrentWeight | null): RampAnswer {
  const next = nextOf(view);
  if (current === null) {
    const sentence = `${view.sentence} Redis does not answer; the weight was ${view.percentage} % when it was seen last.`;
    return { ...view, sentence, weight: null, changed_since_end: null, next };
  }
  const { enabled, percentage, change } = current;
  const effective = !enabled ? 0 : (percentage ?? view.percentage);
  // The ramp's own step has set a weight that its view does not have yet: no contradiction.
  const setByRamp = view.status === 'ramping' && change?.by === rampWorkflowId(view.cube);
  const ended = view.status === 'completed' || view.status === 'stopped';
  const changedSinceEnd = ended ? laterChange(view, current) : null;
  const isUnchanged = !ended && enabled && percentage === view.percentage;
  const difference =
    setByRamp || isUnchanged ? '' : ` ${currentWeightText(current)}${laterChangeText(changedSinceEnd)}`;
  return {
    ...view,
    percentage: effective,
    sentence: `${view.sentence}${difference}`,
    weight: { enabled, percentage },
    changed_since_end: changedSinceEnd,
    next,
  };
}

function currentWeightText({ enabled, percentage }: CurrentWeight): string {
  const weight = percentage === null ? 'invalid' : `${percentage} %`;
  return enabled ? `The weight is ${weight} now.` : `The cube is closed now, and its weight ${weight}.`;
}

/** Of a ramp that has ended. */
function laterChange(view: RampView, { enabled, percentage, change }: CurrentWeight): LaterChange | null {
  if (change !== null) return change.at > view.since && change.by !== rampWorkflowId(view.cube) ? change : null;
  return enabled && percentage === view.percentage ? null : { by: null, at: null, why: '' };
}

function laterChangeText(change: LaterChange | null): string {
  if (change === null) return '';
  const { by, at, why } = change;
  if (by === null) return ' It was changed outside of the engine since the ramp saw it last.';
  return ` ${by} changed it at ${at}, after the ramp had ended${why === '' ? '' : ` (${why})`}.`;
}

/** What each word about a ramp does: the one text for the command line's help and for the commands that are shown as possible. */
export const rampTexts = {
  pause: 'keep the weight; the ramp still goes back when users suffer',
  resume: 'let it go on from the weight as it is',
  stop: 'end it; the weight stays',
} as const;

function nextOf({ cube, status }: RampView): readonly NextCommand[] {
  if (status !== 'waiting') return [];
  return [
    { command: `cubeshift traffic ramp ${cube} --resume`, what: rampTexts.resume },
    { command: `cubeshift traffic stop ${cube}`, what: rampTexts.stop },
  ];
}

export function rampWorkflowId(cube: TrafficName): string {
  return `ramp/${cube}`;
}

/**
 * The actions that a ramp accepts while `pending`, which it has accepted and not begun, waits: `alarm` and `stop` take its
 * place, and nothing takes theirs. `allowed` are those of the ramp's status.
 */
export function allowedRampActionsWhilePending(
  pending: RampAction | undefined,
  allowed: readonly RampAction[],
): readonly RampAction[] {
  if (pending === undefined) return allowed;
  const isUrgent = (action: RampAction) => action === 'alarm' || action === 'stop';
  return isUrgent(pending) ? [] : allowed.filter(isUrgent);
}

/** What fits at a status; `alarm` fits wherever traffic may be on the cube. */
export function allowedRampActions(status: RampStatus): readonly RampAction[] {
  switch (status) {
    case 'ramping':
      return ['pause', 'set', 'stop', 'alarm'];
    case 'paused':
    case 'waiting':
      return ['resume', 'set', 'stop', 'alarm'];
    case 'holding_off':
      return ['resume', 'stop'];
    default:
      return [];
  }
}
