import { setTimeout as sleep } from 'node:timers/promises';
import { CancelledFailure, Context } from '@temporalio/activity';
import { type Failure, reportFailure, toFailure } from '../base/failures.js';
import type { RunStep } from '../domain/migration/run-reference.js';
import type { Databases } from '../postgres/databases.js';
import { clearRetriedFailure, recordRetriedFailure } from '../postgres/ledger/retried-failure.js';

/** The note is for people who read the run: the step's own failure must not wait for it. */
const noteMillis = 2000;

/**
 * Runs a step of a run. A failure that Temporal retries is noted in the ledger until the step succeeds, so that a person who reads
 * at the run sees why it makes no progress.
 */
export async function recordingRetries<T>(
  { cube }: Pick<Databases, 'cube'>,
  fence: RunStep,
  work: () => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (!(error instanceof CancelledFailure || wasCancelled())) {
      const failure = toFailure(error);
      if (isWorthRecording(failure)) await soon(recordRetriedFailure(cube, fence, reportFailure(failure)));
    }
    throw error;
  }
  await soon(clearRetriedFailure(cube, fence.migrationId));
  return result;
}

/** The failure of a step that was cancelled is not noted: Temporal does not retry it, and the cancellation may have caused it. */
function wasCancelled(): boolean {
  return Context.current().cancellationSignal.aborted;
}

/** An attempt that was overtaken holds nothing up, and where the ledger cannot be reached nothing can be noted. */
function isWorthRecording({ type, details }: Failure): boolean {
  return type !== 'claim_lost' && (type !== 'cube_unreachable' || details.sqlstate !== undefined);
}

async function soon(note: Promise<void>): Promise<void> {
  await Promise.race([note.catch(() => undefined), sleep(noteMillis, undefined, { ref: false })]);
}
