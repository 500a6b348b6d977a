import { Context } from '@temporalio/activity';
import { Failure, hintToResume } from '../base/failures.js';
import { isServerError } from '../postgres/errors.js';

/** An error that is unknown may pass; one that comes again and again is a defect, and a person should see it. */
const maxUnexpectedAttempts = 5;
/** What happens to a server (its load, a full disk, a restart) may pass by itself, and a person may need long to come. */
const maxPassingMillis = 60 * 60_000;

/** The failure with which a step ends; undefined while it is to be retried. */
export type GivesUp = (failure: Failure) => Failure | undefined;

/** For a step outside of any run: not retried when only a change by a person can fix the failure. */
export const givesUpSoon: GivesUp = (failure) =>
  !failure.retryable || (failure.type === 'unexpected' && isRepeated()) ? failure : undefined;

export const neverGivesUp: GivesUp = () => undefined;

/**
 * How long steps of runs are retried after an error of a database server itself: an hour for errors that may pass, five
 * attempts for all others. Retries for a server that does not answer have no limit, and the hour begins anew after it.
 * A worker counts only what it sees: after its restart the hour begins anew, too.
 */
export class RetryLimits {
  /** Since when an activity has failed by nothing else, by what Temporal calls it. */
  private readonly rows = new Map<string, { readonly since: number; last: number }>();

  /** Before the run changed anything it need not wait for a person, and there is nothing to resume. */
  readonly first: GivesUp = (failure) => givesUpSoon(failure) ?? (this.hasLasted(failure) ? failure : undefined);

  /** The plan itself gives an undo up after a day. */
  readonly undo: GivesUp = (failure) => (isServers(failure) && !isRepeated() ? undefined : givesUpSoon(failure));

  step(migrationId: string): GivesUp {
    return (failure) => {
      const lasted = this.hasLasted(failure);
      if (!isServers(failure)) return givesUpSoon(failure);
      if (!lasted && (isPassing(failure) || !isRepeated())) return undefined;
      const { type, message, hint, cause, details } = failure;
      return new Failure(type, message, { hint: hintToResume(hint, migrationId), cause, details });
    };
  }

  private hasLasted(failure: Failure): boolean {
    const { workflowExecution, activityId, currentAttemptScheduledTimestampMs: now } = Context.current().info;
    const key = [workflowExecution?.runId, activityId].join();
    const row = this.rows.get(key) ?? { since: now, last: now };
    this.rows.delete(key);
    for (const [other, { last }] of this.rows) if (now - last > maxPassingMillis) this.rows.delete(other);
    if (!(isServers(failure) && isPassing(failure))) return false;
    row.last = now;
    this.rows.set(key, row);
    return now - row.since >= maxPassingMillis;
  }
}

/** Whether the error comes from a server itself, and not from a program of the network between. */
function isServers({ details: { sqlstate } }: Failure): boolean {
  return typeof sqlstate === 'string' && isServerError(sqlstate);
}

/** A failure that may pass by itself, without a change in the engine. */
export function isPassing({ type, retryable }: Failure): boolean {
  return retryable && type !== 'unexpected';
}

function isRepeated(): boolean {
  return Context.current().info.attempt >= maxUnexpectedAttempts;
}
