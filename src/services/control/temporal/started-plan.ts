import { WithStartWorkflowOperation } from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import type { PlanDescription } from '../../../domain/plan-descriptions.js';
import { viewMemo } from '../../../domain/plan-view.js';

/** A plan that a call starts where none runs. */
export interface StartedPlan {
  readonly type: string;
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly args: readonly unknown[];
  readonly description: PlanDescription;
  /** What the plan would publish before it has done anything. */
  readonly view?: object;
  /** What a call does when a plan of this id runs. */
  readonly whenRunning: 'join' | 'refuse';
  /** Whether a plan that ended in good order starts again. */
  readonly whenCompleted: 'start' | 'refuse';
}

/** The memo of a plan that names the call that started it. */
export const callMemo = 'started_by_call';

export function startOperation(
  { type, whenRunning, whenCompleted, args, description, view, ...plan }: StartedPlan,
  callId: string,
) {
  return new WithStartWorkflowOperation<Workflow>(type, {
    ...plan,
    ...description,
    args: [...args],
    memo: { [callMemo]: callId, [viewMemo]: view },
    workflowIdConflictPolicy: whenRunning === 'join' ? 'USE_EXISTING' : 'FAIL',
    workflowIdReusePolicy: whenCompleted === 'start' ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
  });
}
