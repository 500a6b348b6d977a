import type pg from 'pg';

/**
 * Forgets record contents that the ledger no longer needs: payloads of rejects, values of mismatches, and rows set aside,
 * of runs that ended more than `days` ago. Ids, reasons, fields and counts stay. A row set aside that a rollback could
 * still put back is kept. Returns how many entries were emptied.
 */
export async function deleteExpiredContents(cube: pg.Pool, days: number): Promise<number> {
  const expired = "finished_at < now() - $1 * interval '1 day'";
  const rejects = await cube.query(
    `update ledger.rejects set payload = 'null' from ledger.migrations as run
      where run.id = migration_id and run.${expired} and payload <> 'null'`,
    [days],
  );
  const mismatches = await cube.query(
    `update ledger.mismatches set source_value = null, target_value = null
       from ledger.verifications as verification join ledger.migrations as run on run.id = verification.migration_id
      where verification.id = verification_id and run.${expired} and (source_value is not null or target_value is not null)`,
    [days],
  );
  const setAside = await cube.query(
    `update ledger.set_aside set payload = 'null' from ledger.migrations as run
      where run.id = migration_id and run.${expired} and payload <> 'null'
        and (restored_at is not null or not exists (
          select 1 from ledger.batches where batches.kind = set_aside.kind and batches.state = 'owned'))`,
    [days],
  );
  return (rejects.rowCount ?? 0) + (mismatches.rowCount ?? 0) + (setAside.rowCount ?? 0);
}
