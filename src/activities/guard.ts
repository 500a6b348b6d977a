import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { type Failure, kindAndPlace, toFailure } from '../base/failures.js';
import { type GivesUp, givesUpSoon, neverGivesUp } from './retry-limits.js';

/**
 * Runs an activity's work so that only known failures leave it: type, sentence and hint, never a cause or a server's
 * text, since whatever leaves is kept in the workflow's history. The cause goes to the log by name and SQLSTATE.
 * `untilDone`: Temporal retries after any failure, for what a plan cannot continue without. Here alone a failure is marked
 * as not retryable.
 */
export async function guarded<T>(
  work: () => Promise<T>,
  {
    untilDone = false,
    givesUp = untilDone ? neverGivesUp : givesUpSoon,
  }: { untilDone?: boolean; givesUp?: GivesUp } = {},
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CancelledFailure) throw error;
    const failure = toFailure(error);
    const { attempt, activityType } = Context.current().info;
    Context.current().log.warn(failure.message, {
      type: failure.type,
      attempt,
      activityType,
      ...failure.details,
      cause: causeOf(failure),
    });
    const last = givesUp(failure);
    throw ApplicationFailure.create({
      type: failure.type,
      message: failure.message,
      nonRetryable: last !== undefined,
      details: [{ hint: (last ?? failure).hint }],
    });
  }
}

/** Name and place of an unknown error, for the log: its message may quote a row. */
function causeOf(failure: Failure): string | undefined {
  if (!(failure.cause instanceof Error)) return undefined;
  if (failure.type !== 'unexpected') return failure.cause.name;
  return kindAndPlace(failure.cause, 6);
}
