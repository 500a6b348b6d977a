import type { WorkflowUpdateHandle } from '@temporalio/client';
import type { TemporalConnection } from './temporal-connection.js';
import { untilAccepted } from './update-attempts.js';
import {
  isFromEndingPlan,
  PlanHasEnded,
  PlanIsEnding,
  throwRejectedUpdate,
  type UpdateAnswer,
  wasLost,
} from './update-outcome.js';

/** How long a call waits until a plan has applied an update that it accepted. */
const appliedMillis = 2500;

/** Sends an update to a running plan, as `TemporalCalls.submit` promises. */
export async function submit<T>(
  temporal: TemporalConnection,
  workflowId: string,
  update: string,
  request: object,
): Promise<UpdateAnswer<T> | 'no_plan'> {
  const accepted = await temporal.toPlan(() =>
    untilAccepted(request, (options) =>
      temporal.workflow
        .getHandle(workflowId)
        .startUpdate<T, [object]>(update, { ...options, waitForStage: 'ACCEPTED' }),
    ),
  );
  if (accepted === 'no_plan') return accepted;
  return answerOf(temporal, accepted).catch((error: unknown) => {
    if (error instanceof PlanHasEnded) return 'no_plan' as const;
    throw error;
  });
}

/** The plan's answer to an update that it accepted. Throws `PlanHasEnded`, `PlanIsEnding`, and the plan's own refusal. */
export async function answerOf<T>(
  temporal: TemporalConnection,
  handle: WorkflowUpdateHandle<T>,
): Promise<UpdateAnswer<T>> {
  try {
    return { isApplied: true, answer: await temporal.within(appliedMillis, () => handle.result()) };
  } catch (error) {
    if (wasLost(error)) throw new PlanHasEnded();
    if (isFromEndingPlan(error)) throw new PlanIsEnding();
    throwRejectedUpdate(error);
    // The plan has the update: whatever keeps its answer away changes nothing about that.
    return { isApplied: false, answer: undefined };
  }
}
