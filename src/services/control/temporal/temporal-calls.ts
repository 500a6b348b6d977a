import type { WorkflowClient, WorkflowExecutionDescription } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { TemporalTarget } from '../../../config/temporal-address.js';
import { viewMemo } from '../../../domain/plan-view.js';
import type { StartedPlan } from './started-plan.js';
import { submit } from './submit.js';
import { submitWithStart } from './submit-with-start.js';
import { temporalAway } from './temporal-away.js';
import { TemporalConnection } from './temporal-connection.js';
import { untilAccepted } from './update-attempts.js';
import type { UpdateAnswer } from './update-outcome.js';

/** What a plan publishes. */
interface PlanView {
  /** Temporal's id of the run; null while it is not known. */
  readonly run_id: string | null;
}

/** Temporal's client as the control API reaches plans with it. */
export interface TemporalCalls {
  readonly workflow: WorkflowClient;
  /** Throws `temporal_unreachable` for an error that is no `Failure`, and for a call that takes longer than calls may. */
  bounded<T>(call: () => Promise<T>): Promise<T>;
  /** Gives a call this much time; throws what the call throws. */
  within<T>(millis: number, call: () => Promise<T>): Promise<T>;
  /**
   * Sends an update to a running plan, and returns its answer. Throws `not_at_this_stage` when the plan refuses it, and
   * `temporal_unreachable` when no answer comes in time. `no_plan`: none runs.
   */
  update<T>(workflowId: string, update: string, request: object): Promise<{ readonly answer: T } | 'no_plan'>;
  /**
   * As `update`, but an update that the plan accepted in time and has not applied yet is no error. `no_plan` also where the plan
   * was ended by force before it applied the update.
   */
  submit<T>(workflowId: string, update: string, request: object): Promise<UpdateAnswer<T> | 'no_plan'>;
  /**
   * As `submit`, and starts the plan in the same step where none runs: of two callers at the same time both reach the same
   * plan. A plan that is about to end is waited for. `started`: this call started the plan, which did not accept the update in time, or ended before. `already_started`: a
   * plan that another call started runs or has ended, and its policies do not allow the call.
   */
  submitWithStart<T>(
    plan: StartedPlan,
    update: string,
    request: object,
  ): Promise<UpdateAnswer<T> | 'started' | 'already_started'>;
  /** The newest plan of this id; undefined when there was none, or Temporal has forgotten it. Puts no question to the plan. */
  describe(workflowId: string): Promise<WorkflowExecutionDescription | undefined>;
  /**
   * What the newest plan of this id published last, of one that runs no more as `ended` has it; undefined when there was none, or Temporal has forgotten it. Throws
   * `temporal_unreachable` where something happened to the plan and no worker has handled it for as long as a call takes.
   */
  view<T extends PlanView>(workflowId: string, ended: (view: T) => T): Promise<T | undefined>;
  /** Whether the server answers within two seconds. */
  reachable(): Promise<boolean>;
  close(): Promise<void>;
}

/** Connects when first needed, so that the API starts without Temporal. */
export function createTemporalCalls(target: TemporalTarget, namespace: string, callMillis: number): TemporalCalls {
  const temporal = new TemporalConnection(target, namespace, callMillis);
  const { workflow } = temporal;
  return {
    workflow,
    bounded: (call) => temporal.bounded(call),
    within: (millis, call) => temporal.within(millis, call),
    reachable: () => temporal.reachable(),
    update: (workflowId, update, request) =>
      temporal.toPlan(async () => ({
        answer: await untilAccepted(request, (options) =>
          workflow.getHandle(workflowId).executeUpdate(update, options),
        ),
      })),
    submit: (workflowId, update, request) => submit(temporal, workflowId, update, request),
    submitWithStart: (plan, update, request) => submitWithStart(temporal, plan, update, request),
    describe: (workflowId) => temporal.bounded(() => temporal.describe(workflowId)),
    view: <T extends PlanView>(workflowId: string, ended: (view: T) => T) =>
      temporal.bounded(async () => {
        const plan = await temporal.describe(workflowId);
        if (plan === undefined) return undefined;
        const published = plan.memo?.[viewMemo];
        // A plan that was started past the control API has no view before a worker has begun it.
        if (published === undefined || unhandledMillis(plan) > callMillis) throw temporalAway(undefined);
        // What the control API starts a plan with cannot name the run.
        const view = { ...(published as T), run_id: plan.runId };
        return plan.status.name === 'RUNNING' ? view : ended(view);
      }),
    close: () => temporal.close(),
  };
}

/** For how long something that happened to a plan has waited for a worker; 0 where nothing waits. */
function unhandledMillis({ raw }: WorkflowExecutionDescription): number {
  const since = optionalTsToMs(raw.pendingWorkflowTask?.originalScheduledTime);
  return since === undefined ? 0 : Date.now() - since;
}
