import type { RequestProof } from '../plan-requests.js';
import type { RecordedStep } from './recorded-step.js';
import { endedByForce, notReportedYet } from './unreported-plan.js';

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
    sentence: notReportedYet,
    by,
    steps: [],
  };
}

/** The last view of a deployment whose plan runs no more: one that had not ended was ended by force. */
export function endedDeployment(view: DeploymentView): DeploymentView {
  if (view.status !== 'running') return view;
  return { ...view, status: 'undo_incomplete', failure: 'unexpected', sentence: endedByForce(view.step) };
}

/** A call that began a deployment. */
export interface DeploymentCall {
  readonly by: string;
  /** That the control API sent it. */
  readonly proof?: RequestProof;
}

export function deploymentIdOf(cubeId: string): string {
  return `deployment/${cubeId}`;
}
