import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client,
  Connection,
  isGrpcServiceError,
  ServiceError,
  WithStartWorkflowOperation,
  type WorkflowClient,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type WorkflowUpdateHandle,
} from '@temporalio/client';
import { ApplicationFailure, type Workflow } from '@temporalio/common';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { Failure } from '../../base/failures.js';
import type { TemporalTarget } from '../../config/temporal-address.js';
import type { NextCommand } from '../../domain/next-command.js';
import type { PlanDescription } from '../../domain/plan-descriptions.js';
import { planIsEndingType } from '../../domain/plan-requests.js';
import { viewMemo } from '../../domain/plan-view.js';

/** What a plan publishes. */
interface PlanView {
  /** Temporal's id of the run; null while it is not known. */
  readonly run_id: string | null;
}

/** What came of an update that a plan accepted. */
export interface UpdateAnswer<T> {
  /** False where the plan did not apply it in the time of a call. */
  readonly isApplied: boolean;
  /** The plan's answer; undefined while there is none. */
  readonly answer: T | undefined;
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

/** How long a call waits until a plan has applied an update that it accepted. */
const appliedMillis = 2500;

/** Connects when first needed, so that the API starts without Temporal. */
export function createTemporalCalls(target: TemporalTarget, namespace: string, callMillis: number): TemporalCalls {
  const connection = Connection.lazy({ ...target, connectTimeout: '3 seconds' });
  const { workflow } = new Client({ connection, namespace });
  const within = <T>(millis: number, call: () => Promise<T>) => connection.withDeadline(Date.now() + millis, call);
  const bounded = <T>(call: () => Promise<T>) =>
    within(callMillis, call).catch((error: unknown) => {
      throw error instanceof Failure ? error : temporalAway(error);
    });
  /** `no_plan` where none runs. */
  const toPlan = <T>(call: () => Promise<T>) =>
    bounded(() =>
      call().catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return 'no_plan' as const;
        throw error;
      }),
    );
  const answerOf = async <T>(handle: WorkflowUpdateHandle<T>): Promise<UpdateAnswer<T>> => {
    try {
      return { isApplied: true, answer: await within(appliedMillis, () => handle.result()) };
    } catch (error) {
      if (wasLost(error)) throw new PlanHasEnded();
      if (isFromEndingPlan(error)) throw new PlanIsEnding();
      throwRejectedUpdate(error);
      // The plan has the update: whatever keeps its answer away changes nothing about that.
      return { isApplied: false, answer: undefined };
    }
  };
  const describe = (workflowId: string) =>
    workflow
      .getHandle(workflowId)
      .describe()
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      });
  /**
   * What became of the plan that the call with this id started; `other`: the newest plan is of another call, or there is none.
   * Throws where Temporal cannot say.
   */
  const planOfCall = (workflowId: string, callId: string): Promise<'running' | 'ended' | 'other'> =>
    within(2000, () => describe(workflowId)).then((plan) =>
      plan?.memo?.[callMemo] !== callId ? 'other' : plan.status.name === 'RUNNING' ? 'running' : 'ended',
    );
  const submit = async <T>(workflowId: string, update: string, request: object) => {
    const accepted = await toPlan(() =>
      untilAccepted(request, (options) =>
        workflow.getHandle(workflowId).startUpdate<T, [object]>(update, { ...options, waitForStage: 'ACCEPTED' }),
      ),
    );
    if (accepted === 'no_plan') return accepted;
    return answerOf(accepted).catch((error: unknown) => {
      if (error instanceof PlanHasEnded) return 'no_plan' as const;
      throw error;
    });
  };
  return {
    workflow,
    bounded,
    within,
    reachable: () =>
      within(2000, () => connection.workflowService.getSystemInfo({})).then(
        () => true,
        () => false,
      ),
    update: (workflowId, update, request) =>
      toPlan(async () => ({
        answer: await untilAccepted(request, (options) =>
          workflow.getHandle(workflowId).executeUpdate(update, options),
        ),
      })),
    submit,
    submitWithStart: async <T>(plan: StartedPlan, update: string, request: object) => {
      const { workflowId } = plan;
      const callId = randomUUID();
      let attempts = 0;
      // Temporal may have started the plan of an attempt whose update it dropped: a repetition must neither meet that plan as
      // another's nor, once it has ended, start it again.
      const start = async (options: UpdateOptions) => {
        const own = attempts++ === 0 ? 'other' : await planOfCall(workflowId, callId);
        if (own === 'ended') throw new PlanHasEnded();
        return own === 'running'
          ? workflow.getHandle(workflowId).startUpdate<T, [object]>(update, { ...options, waitForStage: 'ACCEPTED' })
          : workflow.startUpdateWithStart<Workflow, T, [object]>(update, {
              ...options,
              waitForStage: 'ACCEPTED',
              startWorkflowOperation: startOperation(plan, callId),
            });
      };
      const deadline = Date.now() + callMillis;
      const submitted = async (): Promise<UpdateAnswer<T>> => {
        for (;;) {
          try {
            return await answerOf(await within(deadline - Date.now(), () => untilAccepted(request, start)));
          } catch (error) {
            if (!(error instanceof PlanIsEnding) || Date.now() > deadline) throw error;
          }
          await sleep(firstPauseMillis);
        }
      };
      try {
        return await submitted();
      } catch (error) {
        if (error instanceof Failure) throw error;
        // Temporal starts a plan also where no worker is there to accept the update.
        const own = await planOfCall(workflowId, callId).catch((unknown: unknown) => {
          throw temporalAway(unknown);
        });
        if (own !== 'other') return 'started' as const;
        if (error instanceof WorkflowExecutionAlreadyStartedError) return 'already_started' as const;
        throw temporalAway(error);
      }
    },
    describe: (workflowId) => bounded(() => describe(workflowId)),
    view: <T extends PlanView>(workflowId: string, ended: (view: T) => T) =>
      bounded(async () => {
        const plan = await describe(workflowId);
        if (plan === undefined) return undefined;
        const published = plan.memo?.[viewMemo];
        // A plan that was started past the control API has no view before a worker has begun it.
        if (published === undefined || unhandledMillis(plan) > callMillis) throw temporalAway(undefined);
        // What the control API starts a plan with cannot name the run.
        const view = { ...(published as T), run_id: plan.runId };
        return plan.status.name === 'RUNNING' ? view : ended(view);
      }),
    close: () => connection.close(),
  };
}

/** A plan that ended, or was ended by force, before it accepted or applied an update. */
class PlanHasEnded extends Error {}

/** A plan that refused an update because it is about to end. */
class PlanIsEnding extends Error {}

/** Whether the plan accepted an update and was terminated before it answered it: no plan applies the update any more. */
function wasLost(error: unknown): boolean {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === 'AcceptedUpdateCompletedWorkflow';
}

/** For how long something that happened to a plan has waited for a worker; 0 where nothing waits. */
function unhandledMillis({ raw }: WorkflowExecutionDescription): number {
  const since = optionalTsToMs(raw.pendingWorkflowTask?.originalScheduledTime);
  return since === undefined ? 0 : Date.now() - since;
}

/** The memo of a plan that names the call that started it. */
const callMemo = 'started_by_call';

function startOperation(
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

/**
 * The server drops an update when the workflow task that brought it fails, though the next one may succeed: one that ends a
 * plan fails whenever something else happens to the plan meanwhile. Sent again under the same id it is applied once; the
 * deadline of the call ends the attempts.
 */
async function untilAccepted<T>(request: object, send: (options: UpdateOptions) => Promise<T>): Promise<T> {
  const options: UpdateOptions = { updateId: randomUUID(), args: [request] };
  for (let pause = firstPauseMillis; ; pause = Math.min(2 * pause, maxPauseMillis)) {
    try {
      return await send(options);
    } catch (error) {
      throwRejectedUpdate(error);
      if (!isDropped(error)) throw error;
    }
    await sleep(pause);
  }
}

interface UpdateOptions {
  readonly updateId: string;
  readonly args: [object];
}

const firstPauseMillis = 50;
/** For what does not pass, as a plan that no longer replays. */
const maxPauseMillis = 1000;
/** The gRPC status code of a server that is not in the state that a call needs. */
const failedPrecondition = 9;

function isDropped(error: unknown): boolean {
  // The client wraps what comes of an update alone, and not what comes of one that starts its plan.
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && cause.code === failedPrecondition;
}

function isFromEndingPlan(error: unknown): boolean {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === planIsEndingType;
}

/** Throws a plan's own refusal of a request, with the actions that fit now where the plan named them. */
function throwRejectedUpdate(error: unknown): void {
  if (!(error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)) return;
  const { message, details } = error.cause;
  const [detail] = details ?? [];
  const actions =
    typeof detail === 'object' && detail !== null && 'actions' in detail && Array.isArray(detail.actions)
      ? detail.actions.map(String)
      : [];
  throw notPossible(message, actions);
}

export function notPossible(sentence: string, actions: readonly string[]): Failure {
  const hint = actions.length === 0 ? 'It accepts no further commands.' : `Possible now: ${actions.join(', ')}.`;
  return new Failure('not_at_this_stage', sentence, { hint, details: { actions } });
}

/** Throws what `call` throws; where that names actions that are possible now, its hint names the commands to type for them. */
export async function hintingCommands<T>(
  commandsOf: (actions: readonly string[]) => readonly NextCommand[],
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof Failure && error.type === 'not_at_this_stage' && Array.isArray(error.details.actions)))
      throw error;
    const { message, safe, details } = error;
    const commands = commandsOf(error.details.actions.map(String));
    if (commands.length === 0) throw error;
    throw new Failure('not_at_this_stage', message, { safe, hint: hintOf('Possible now', commands), details });
  }
}

/** One sentence that names commands to type. */
export function hintOf(title: string, commands: readonly NextCommand[]): string {
  return `${title}: ${commands.map(({ command }) => `\`${command}\``).join(', ')}.`;
}

export function temporalAway(cause: unknown): Failure {
  return new Failure(
    'temporal_unreachable',
    'The Temporal server, or the control worker, did not answer the call in time; it may still be carried out.',
    { cause },
  );
}
