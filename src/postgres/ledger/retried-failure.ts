import type pg from 'pg';
import type { FailureReport } from '../../base/failures.js';
import type { RunStep } from '../../domain/migration/run-reference.js';
import { inTransaction } from '../connect.js';
import { notLaterSql, runStepValues } from './run-step.js';

/** Records the failure of a step that is about to be retried; a run in a later state, or an ended one, stays as it is. */
export async function recordRetriedFailure(cube: pg.Pool, fence: RunStep, failure: FailureReport): Promise<void> {
  await inTransaction(cube, async (client) => {
    // Each attempt makes a note: one that waits for the holder of the run's row would keep a connection from the steps.
    await client.query("set local lock_timeout = '1500ms'");
    await client.query(
      `update ledger.migrations set retried_failure = $3 where id = $1 and finished_at is null and ${notLaterSql('$2')}`,
      [...runStepValues(fence), JSON.stringify(failure)],
    );
  });
}

/** A step has succeeded: the earlier failure of it, or of a parallel step, no longer holds the run up. */
export async function clearRetriedFailure(cube: pg.Pool, migrationId: string): Promise<void> {
  await cube.query(
    'update ledger.migrations set retried_failure = null where id = $1 and retried_failure is not null',
    [migrationId],
  );
}
