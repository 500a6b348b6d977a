import type { RequestProof } from '../plan-requests.js';

/** The words of a cube's life as the control API and the plans share them: deployments and emergency rollbacks. */

/** Who changes a cube: only the run that took it last may. */
export interface ChangeReference {
  readonly cubeId: string;
  /** The workflow's id and run id. */
  readonly holderId: string;
}

export type CubeChange =
  | { readonly kind: 'deploy'; readonly version: string; readonly instances: number | null }
  | { readonly kind: 'restart' }
  | { readonly kind: 'scale'; readonly instances: number };

export const cubeChangeKinds = ['deploy', 'restart', 'scale'] as const satisfies readonly CubeChange['kind'][];

export interface DeploymentInput {
  readonly cubeId: string;
  readonly change: CubeChange;
  readonly by: string;
  /** How long new instances may take to be ready, seconds. */
  readonly readySeconds: number;
  /** How long their health must hold before the change counts as done, seconds. */
  readonly watchSeconds: number;
}

export const deploymentDefaults: Readonly<Record<'readySeconds' | 'watchSeconds', number>> = {
  readySeconds: 60,
  watchSeconds: 3,
};

/** One thing that a plan did or found, in a sentence. */
export interface RecordedStep {
  readonly step: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly sentence: string;
}

/**
 * `taken_back`: it did not go well, and what ran before runs again; `refused`: nothing was changed; `superseded`: an
 * emergency rollback took the cube over; `undo_incomplete`: what ran before could not be put back.
 */
export const deploymentStatuses = [
  'running',
  'done',
  'taken_back',
  'refused',
  'superseded',
  'undo_incomplete',
] as const;
export type DeploymentStatus = (typeof deploymentStatuses)[number];

export interface DeploymentView {
  readonly cube_id: string;
  readonly workflow_id: string;
  /** Temporal's id of the run; null while it is not known. */
  readonly run_id: string | null;
  readonly change: CubeChange['kind'];
  readonly version: string | null;
  readonly previous_version: string | null;
  readonly status: DeploymentStatus;
  /** The type of what went wrong; null when nothing did. */
  readonly failure: string | null;
  readonly step: string;
  /** Why it is where it is. */
  readonly sentence: string;
  readonly by: string;
  readonly steps: readonly RecordedStep[];
}

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

/** A command of `cubeshift`, and what it does. */
export interface NextCommand {
  readonly command: string;
  readonly what: string;
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

const notAccepted = 'It is begun; its workflow has not reported yet. If this lasts, no control worker is running.';

/** A deployment that Temporal has started, and no worker has begun yet. */
export function begunDeployment({ cubeId, change, by }: DeploymentInput): DeploymentView {
  return {
    cube_id: cubeId,
    workflow_id: deploymentIdOf(cubeId),
    run_id: null,
    change: change.kind,
    version: change.kind === 'deploy' ? change.version : null,
    previous_version: null,
    status: 'running',
    failure: null,
    step: 'begin',
    sentence: notAccepted,
    by,
    steps: [],
  };
}

/** The same of an emergency rollback. */
export function begunRollback({ cubeId, targetVersion, by }: RollbackInput): RollbackView {
  return {
    cube_id: cubeId,
    workflow_id: rollbackIdOf(cubeId),
    run_id: null,
    target_version: targetVersion,
    from_version: null,
    status: 'running',
    step: 'begin',
    sentence: notAccepted,
    by,
    steps: [],
    traffic_stopped_at: null,
    traffic_restored_at: null,
    closed_by: null,
    acknowledged_by: null,
    next: [],
  };
}

/** The last view of a deployment whose plan runs no more: one that had not ended was ended by force. */
export function endedDeployment(view: DeploymentView): DeploymentView {
  if (view.status !== 'running') return view;
  return { ...view, status: 'undo_incomplete', failure: 'unexpected', sentence: endedByForce(view.step) };
}

/** The same of an emergency rollback. */
export function endedRollback(view: RollbackView): RollbackView {
  if (view.status !== 'running' && view.status !== 'escalated') return view;
  const again = { command: `cubeshift cubes rollback ${view.cube_id} --wait`, what: 'start it again' };
  return { ...view, status: 'escalated', sentence: endedByForce(view.step), next: [again] };
}

function endedByForce(step: string): string {
  return `Its plan was ended in Temporal, at the step ${step}; what it had changed stays as it is.`;
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

/** A call that began a deployment. */
export interface DeploymentCall {
  readonly by: string;
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

export function deploymentIdOf(cubeId: string): string {
  return `deployment/${cubeId}`;
}

export function rollbackIdOf(cubeId: string): string {
  return `rollback/${cubeId}`;
}

/** The result of a check: passed, or in a sentence why not. */
export type CheckResult = { readonly passed: true } | { readonly passed: false; readonly sentence: string };

/** How letting users in went: `closedBy` names who keeps the cube closed; null when it is open. */
export type ReopenedTraffic =
  | { readonly passed: true; readonly closedBy: string | null }
  | { readonly passed: false; readonly sentence: string };

/** How users were kept from a cube, as it was found before: enough to let them in again. */
export interface TrafficBefore {
  /** `flags`: legacy owns the data and serves them; `hold`: the cube does, and they wait; `none`: users do not reach it. */
  readonly way: 'flags' | 'hold' | 'none';
  /** Whether the cube was open; null where that could not be read, or says nothing. */
  readonly enabled: boolean | null;
}

/** What came of keeping users from a cube. */
export interface StopOutcome {
  /** How many gateways did not say that they go by it; null where Redis could not be reached. */
  readonly unheard: number | null;
}

/** What the webhook of an escalation receives. */
export interface Escalation {
  readonly cube_id: string;
  readonly workflow_id: string;
  readonly sentence: string;
  readonly next: readonly NextCommand[];
  readonly steps: readonly RecordedStep[];
}
