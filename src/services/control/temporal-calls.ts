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
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure, type Workflow } from '@temporalio/common';
import { Failure } from '../../base/failures.js';
import type { TemporalTarget } from '../../config/temporal-address.js';

/** Temporal's client as the control API reaches plans by it. */
export interface TemporalCalls {
  readonly workflow: WorkflowClient;
  /** Throws `temporal_unreachable` for whatever is no `Failure`, and for what takes longer than the calls may. */
  bounded<T>(call: () => Promise<T>): Promise<T>;
  /** Gives a call so long; throws what it throws. */
  within<T>(millis: number, call: () => Promise<T>): Promise<T>;
  /** Asks a running plan to do something; throws `not_at_this_stage` when the plan refuses. `no_plan`: none runs. */
  update<T>(workflowId: string, update: string, request: object): Promise<{ readonly answer: T } | 'no_plan'>;
  /**
   * The same of a plan that is started for it where none runs, in one step: whoever else asks at the same time asks the same
   * plan. `ended`: the plan has ended in good order and is not begun again.
   */
  updateStarting<T>(plan: StartedPlan, update: string, request: object): Promise<{ readonly answer: T } | 'ended'>;
  /** What a plan answers to a query; undefined when there was none, or none that is remembered. */
  look<T>(workflowId: string, query: string): Promise<T | undefined>;
  /** Whether the server answers within two seconds. */
  reachable(): Promise<boolean>;
  close(): Promise<void>;
}

export interface StartedPlan {
  readonly type: string;
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly args: readonly unknown[];
}

/** Connects when first needed, so that the API starts without Temporal. */
export function createTemporalCalls(target: TemporalTarget, namespace: string, callMillis: number): TemporalCalls {
  const connection = Connection.lazy({ ...target, connectTimeout: '3 seconds' });
  const { workflow } = new Client({ connection, namespace });
  const bounded = <T>(call: () => Promise<T>) =>
    connection.withDeadline(Date.now() + callMillis, call).catch((error: unknown) => {
      throw error instanceof Failure ? error : temporalAway(error);
    });
  return {
    workflow,
    bounded,
    within: (millis, call) => connection.withDeadline(Date.now() + millis, call),
    reachable: () =>
      connection
        .withDeadline(Date.now() + 2000, () => connection.workflowService.getSystemInfo({}))
        .then(
          () => true,
          () => false,
        ),
    update: <T>(workflowId: string, update: string, request: object) =>
      bounded(async () => {
        try {
          // Not `startUpdate`: it returns a handle even when the validator refused.
          const ask = (options: UpdateOptions) =>
            workflow.getHandle(workflowId).executeUpdate<T, [object]>(update, options);
          return { answer: await untilAccepted(request, ask) };
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return 'no_plan' as const;
          throw error;
        }
      }),
    updateStarting: <T>({ type, ...plan }: StartedPlan, update: string, request: object) =>
      bounded(async () => {
        try {
          const ask = (options: UpdateOptions) =>
            workflow.executeUpdateWithStart<Workflow, T, [object]>(update, {
              ...options,
              startWorkflowOperation: new WithStartWorkflowOperation<Workflow>(type, {
                ...plan,
                args: [...plan.args],
                workflowIdConflictPolicy: 'USE_EXISTING',
                workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
              }),
            });
          return { answer: await untilAccepted(request, ask) };
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError) return 'ended' as const;
          throw error;
        }
      }),
    look: (workflowId, query) =>
      bounded(async () => {
        try {
          return await workflow.getHandle(workflowId).query(query);
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return undefined;
          throw error;
        }
      }),
    close: () => connection.close(),
  };
}

/**
 * The server gives an update up when the workflow task that brought it fails, though the next one may succeed: one that
 * ends a plan fails whenever something else happens to the plan meanwhile. Asked again under the same id it is carried out
 * once; the deadline of the call ends it.
 */
async function untilAccepted<T>(request: object, ask: (options: UpdateOptions) => Promise<T>): Promise<T> {
  const options: UpdateOptions = { updateId: randomUUID(), args: [request] };
  for (let pause = firstPauseMillis; ; pause = Math.min(2 * pause, maxPauseMillis)) {
    try {
      return await ask(options);
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)
        throw refusedByPlan(error.cause);
      if (!isGivenUp(error)) throw error;
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
/** The status code by which gRPC tells that something is not in the state that a call needs. */
const failedPrecondition = 9;

function isGivenUp(error: unknown): boolean {
  return error instanceof ServiceError && isGrpcServiceError(error.cause) && error.cause.code === failedPrecondition;
}

/** A plan's own refusal of a request, with what fits now where it said so. */
function refusedByPlan({ message, details }: ApplicationFailure): Failure {
  const [detail] = details ?? [];
  const actions =
    typeof detail === 'object' && detail !== null && 'actions' in detail && Array.isArray(detail.actions)
      ? detail.actions.map(String)
      : [];
  return notPossible(message, actions);
}

export function notPossible(sentence: string, actions: readonly string[]): Failure {
  const hint = actions.length === 0 ? 'Nothing can be asked of it any more.' : `Possible now: ${actions.join(', ')}.`;
  return new Failure('not_at_this_stage', sentence, { hint, details: { actions } });
}

function temporalAway(cause: unknown): Failure {
  return new Failure(
    'temporal_unreachable',
    'The Temporal server, or the control worker, did not answer the call in time; it may still be carried out.',
    { cause },
  );
}
