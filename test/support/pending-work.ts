import { hostname } from 'node:os';
import type { Engine, ProgramName } from './engine.js';

/** An activity of a run that is not over, as Temporal sees it. */
export interface PendingActivity {
  readonly name: string;
  readonly attempt: number;
  /** Who has it now; undefined while it waits for a worker or for its next attempt. */
  readonly worker: string | undefined;
  /** How the last attempt failed. */
  readonly failure: string;
}

const started = 2;

/** What a run is at, asked of Temporal itself. */
export async function pendingActivities(engine: Engine, id: string): Promise<readonly PendingActivity[]> {
  const { workflowService } = await engine.temporal();
  const found = await workflowService.describeWorkflowExecution({
    namespace: engine.namespace,
    execution: { workflowId: `saju-records/${id}` },
  });
  return (found.pendingActivities ?? []).map((activity) => ({
    name: activity.activityType?.name ?? '',
    attempt: activity.attempt ?? 0,
    worker: activity.state === started ? (activity.lastWorkerIdentity ?? undefined) : undefined,
    failure: activity.lastFailure?.message ?? '',
  }));
}

/** Names of the activities that a program has under way; empty when it is idle. */
export async function underWayOn(engine: Engine, id: string, program: ProgramName): Promise<readonly string[]> {
  const identity = `${hostname()}/${engine.program(program).pid}`;
  return (await pendingActivities(engine, id))
    .filter((activity) => activity.worker === identity)
    .map((activity) => activity.name);
}
