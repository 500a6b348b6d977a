import type { NextCommand } from '../next-command.js';
import type { RequestProof } from '../plan-requests.js';
import type { RecordedStep } from './recorded-step.js';
import { endedByForce, notReportedYet } from './unreported-plan.js';

export interface RollbackInput {
  readonly cubeId: string;
  /** Null: the version that took the traffic before, where it is still warm. */
  readonly targetVersion: string | null;
  readonly by: string;
  /** How long the restored version may take to be ready, seconds. */
  readonly readySeconds: number;
  /** How long it must stay healthy once it has traffic, seconds. */
  readonly watchSeconds: number;
}

/** Ten checks of its health; a caller who is not in a hurry sets more. */
export const rollbackDefaults = { readySeconds: 30, watchSeconds: 2 } as const;

export const rollbackStatuses = ['running', 'escalated', 'completed', 'acknowledged'] as const;
export type RollbackStatus = (typeof rollbackStatuses)[number];

export interface RollbackView {
  readonly cube_id: string;
  readonly workflow_id: string;
  /** Temporal's id of the run; null while it is not known. */
  readonly run_id: string | null;
  readonly target_version: string | null;
  /** What took the traffic when the rollback began. */
  readonly from_version: string | null;
  readonly status: RollbackStatus;
  readonly step: string;
  readonly sentence: string;
  readonly by: string;
  readonly steps: readonly RecordedStep[];
  /** ISO 8601, UTC: when the cube lost its users, and when it got them again. */
  readonly traffic_stopped_at: string | null;
  readonly traffic_restored_at: string | null;
  /** Who closed the cube before, and keeps it closed though the rollback is done; null where it is open or not yet known. */
  readonly closed_by: string | null;
  readonly acknowledged_by: string | null;
  /** What a person may type now, each with what it does; empty while the rollback waits for no person. */
  readonly next: readonly NextCommand[];
}

/** What answers a rollback that waits for a person. `served`: users are still served by the cube. */
export function rollbackAnswers(cubeId: string, trafficName: string | null, served: boolean): readonly NextCommand[] {
  const rollback = `cubeshift cubes rollback ${cubeId}`;
  return [
    {
      command: `${rollback} VERSION --wait`,
      what: 'go back to that version; `cubeshift release list` names those kept',
    },
    { command: `${rollback} --retry "WHY" --wait`, what: 'try the steps again, once the cause is mended' },
    { command: `${rollback} --acknowledge "WHY"`, what: 'end it here and take over' },
    ...(served && trafficName !== null
      ? [{ command: `cubeshift traffic set ${trafficName} --enabled false`, what: 'send users to legacy meanwhile' }]
      : []),
  ];
}

/** A rollback that Temporal has started, and no worker has begun yet. */
export function begunRollback({ cubeId, targetVersion, by }: RollbackInput): RollbackView {
  return {
    cube_id: cubeId,
    workflow_id: rollbackIdOf(cubeId),
    run_id: null,
    target_version: targetVersion,
    from_version: null,
    status: 'running',
    step: 'begin',
    sentence: notReportedYet,
    by,
    steps: [],
    traffic_stopped_at: null,
    traffic_restored_at: null,
    closed_by: null,
    acknowledged_by: null,
    next: [],
  };
}

/** The last view of a rollback whose plan runs no more: one that had not ended was ended by force. */
export function endedRollback(view: RollbackView): RollbackView {
  if (view.status !== 'running' && view.status !== 'escalated') return view;
  const again = { command: `cubeshift cubes rollback ${view.cube_id} --wait`, what: 'start it again' };
  return { ...view, status: 'escalated', sentence: endedByForce(view.step), next: [again] };
}

/** What a person answers to an escalated rollback: `retry` has the steps tried again, else it ends there. */
export interface Acknowledgement {
  readonly by: string;
  readonly why: string;
  readonly retry: boolean;
  /** The version to go back to from now on. */
  readonly targetVersion?: string;
  /** That the control API sent it. */
  readonly proof?: RequestProof;
}

/** Another call for a rollback that is under way already; null: whatever version it goes to. */
export interface RollbackCall {
  readonly by: string;
  readonly targetVersion: string | null;
  /** That the control API sent it. */
  readonly proof?: RequestProof;
}

/** The version that a rollback can go to: one that is warm, or can be started; or in a sentence why there is none. */
export type TargetFound =
  | { readonly found: true; readonly version: string }
  | { readonly found: false; readonly sentence: string };

export function rollbackIdOf(cubeId: string): string {
  return `rollback/${cubeId}`;
}

/** What the webhook of an escalation receives. */
export interface Escalation {
  readonly cube_id: string;
  readonly workflow_id: string;
  readonly sentence: string;
  readonly next: readonly NextCommand[];
  readonly steps: readonly RecordedStep[];
}
