import type pg from 'pg';
import type { FailureReport } from '../../base/failures.js';
import { inTransaction } from '../connect.js';
import { fenceValues, notLaterSql, type RunStepFence } from './step-fence.js';

/** Notes by what a step of a run failed that is about to be tried again; a run that has gone on, or has ended, is left as it is. */
export async function recordRetriedFailure(cube: pg.Pool, fence: RunStepFence, failure: FailureReport): Promise<void> {
  await inTransaction(cube, async (client) => {
    // Each attempt makes a note: one that waits for whoever holds the run's row would keep a connection from the steps.
    await client.query("set local lock_timeout = '1500ms'");
    await client.query(
      `update ledger.migrations set retried_failure = $3 where id = $1 and finished_at is null and ${notLaterSql('$2')}`,
      [...fenceValues(fence), JSON.stringify(failure)],
    );
  });
}

/** A step has succeeded: what it, or one beside it, failed by before no longer holds anything up. */
export async function clearRetriedFailure(cube: pg.Pool, migrationId: string): Promise<void> {
  await cube.query(
    'update ledger.migrations set retried_failure = null where id = $1 and retried_failure is not null',
    [migrationId],
  );
}
