import { setTimeout as sleep } from 'node:timers/promises';
import { CancelledFailure, Context } from '@temporalio/activity';
import { type Failure, reportFailure, toFailure } from '../base/failures.js';
import type { Databases } from '../postgres/databases.js';
import { clearRetriedFailure, recordRetriedFailure } from '../postgres/ledger/retried-failure.js';
import type { RunStepFence } from '../postgres/ledger/step-fence.js';

/** The note is for whoever looks on: the step's own failure must not wait for it. */
const graceMillis = 2000;

/**
 * Runs a step of a run; a failure that it is tried again after is noted in the ledger until it succeeds, so that whoever looks
 * at the run sees why it stands still.
 */
export async function recordingRetries<T>(
  { cube }: Pick<Databases, 'cube'>,
  asked: RunStepFence,
  work: () => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (!(error instanceof CancelledFailure || wasCancelled())) {
      const failure = toFailure(error);
      if (isWorthRecording(failure)) await soon(recordRetriedFailure(cube, asked, reportFailure(failure)));
    }
    throw error;
  }
  await soon(clearRetriedFailure(cube, asked.migrationId));
  return result;
}

/** Who gave a step up is not told that it fails: it is not tried again. Whatever it failed by then may come of that. */
function wasCancelled(): boolean {
  return Context.current().cancellationSignal.aborted;
}

/** An attempt that was overtaken holds nothing up, and where the ledger cannot be reached nothing can be noted. */
function isWorthRecording({ type, details }: Failure): boolean {
  return type !== 'claim_lost' && (type !== 'cube_unreachable' || details.sqlstate !== undefined);
}

async function soon(note: Promise<void>): Promise<void> {
  await Promise.race([note.catch(() => undefined), sleep(graceMillis, undefined, { ref: false })]);
}
