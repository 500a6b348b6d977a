import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, type WorkflowUpdateHandle } from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import { Failure } from '../../../base/failures.js';
import { callMemo, type StartedPlan, startOperation } from './started-plan.js';
import { answerOf } from './submit.js';
import { temporalAway } from './temporal-away.js';
import type { TemporalConnection } from './temporal-connection.js';
import { type UpdateOptions, untilAccepted } from './update-attempts.js';
import { PlanHasEnded, PlanIsEnding, type UpdateAnswer } from './update-outcome.js';

/** How long a call leaves a plan that is about to end before it tries again. */
const planEndsMillis = 50;

/** Sends an update, and starts its plan where none runs, as `TemporalCalls.submitWithStart` promises. */
export async function submitWithStart<T>(
  temporal: TemporalConnection,
  plan: StartedPlan,
  update: string,
  request: object,
): Promise<UpdateAnswer<T> | 'started' | 'already_started'> {
  const callId = randomUUID();
  const start = starter<T>(temporal, plan, update, callId);
  const deadline = Date.now() + temporal.callMillis;
  const submitted = async (): Promise<UpdateAnswer<T>> => {
    for (;;) {
      try {
        const handle = await temporal.within(deadline - Date.now(), () => untilAccepted(request, start));
        return await answerOf(temporal, handle);
      } catch (error) {
        if (!(error instanceof PlanIsEnding) || Date.now() > deadline) throw error;
      }
      await sleep(planEndsMillis);
    }
  };
  try {
    return await submitted();
  } catch (error) {
    if (error instanceof Failure) throw error;
    // Temporal starts a plan also where no worker is there to accept the update.
    const own = await planOfCall(temporal, plan.workflowId, callId).catch((unknown: unknown) => {
      throw temporalAway(unknown);
    });
    if (own !== 'other') return 'started' as const;
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'already_started' as const;
    throw temporalAway(error);
  }
}

/**
 * One attempt after the other for one call. Temporal may have started the plan of an attempt whose update it dropped: a
 * repetition must neither meet that plan as another's nor, once it has ended, start it again.
 */
function starter<T>(
  temporal: TemporalConnection,
  plan: StartedPlan,
  update: string,
  callId: string,
): (options: UpdateOptions) => Promise<WorkflowUpdateHandle<T>> {
  const { workflow } = temporal;
  const { workflowId } = plan;
  let attempts = 0;
  return async (options) => {
    const own = attempts++ === 0 ? 'other' : await planOfCall(temporal, workflowId, callId);
    if (own === 'ended') throw new PlanHasEnded();
    return own === 'running'
      ? workflow.getHandle(workflowId).startUpdate<T, [object]>(update, { ...options, waitForStage: 'ACCEPTED' })
      : workflow.startUpdateWithStart<Workflow, T, [object]>(update, {
          ...options,
          waitForStage: 'ACCEPTED',
          startWorkflowOperation: startOperation(plan, callId),
        });
  };
}

/**
 * What became of the plan that the call with this id started; `other`: the newest plan is of another call, or there is none.
 * Throws where Temporal cannot say.
 */
async function planOfCall(
  temporal: TemporalConnection,
  workflowId: string,
  callId: string,
): Promise<'running' | 'ended' | 'other'> {
  const plan = await temporal.look(workflowId);
  if (plan?.memo?.[callMemo] !== callId) return 'other';
  return plan.status.name === 'RUNNING' ? 'running' : 'ended';
}
