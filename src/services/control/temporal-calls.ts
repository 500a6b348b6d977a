import { Client, Connection, type WorkflowClient, WorkflowNotFoundError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { Failure } from '../../failures.js';
import type { TemporalTarget } from '../../temporal-target.js';

/** Temporal's client as plans of cubes and ramps are reached by it. */
export interface TemporalCalls {
  readonly workflow: WorkflowClient;
  /** Throws `temporal_unreachable` for whatever is no `Failure`, and for what takes longer than the calls may. */
  bounded<T>(call: () => Promise<T>): Promise<T>;
  /** Gives a call so long; throws what it throws. */
  within<T>(millis: number, call: () => Promise<T>): Promise<T>;
  /** What a plan answers to a query; undefined when there was none, or none that is remembered. */
  look<T>(workflowId: string, query: string): Promise<T | undefined>;
  close(): Promise<void>;
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

/** A plan's own refusal of a request, with what fits now where it said so. */
export function refusedByPlan({ message, details }: ApplicationFailure): Failure {
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
