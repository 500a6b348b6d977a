import type pg from 'pg';
import { isNamed, type SelectedRejects } from '../../domain/migration/reject-selection.js';

/**
 * SQL of the condition that a row of `ledger.rejects` is selected; its values are the four of `selectionValues`, the first of
 * them parameter number `first`.
 */
export function selectedSql(first: number): string {
  const [tables, ids, table, reason] = [0, 1, 2, 3].map((place) => `$${first + place}`);
  return `(${tables}::text[] is null or (table_name, source_id) in (select * from unnest(${tables}::text[], ${ids}::bigint[])))
    and (${table}::text is null or table_name = ${table}) and (${reason}::text is null or reason = ${reason})`;
}

export function selectionValues(selection: SelectedRejects): readonly (readonly string[] | string | null)[] {
  if (selection === 'all') return [null, null, null, null];
  if (isNamed(selection)) return [selection.map(({ table }) => table), selection.map(({ id }) => id), null, null];
  return [null, null, selection.table ?? null, selection.reason ?? null];
}

/** Whether at least one reject of the run that is not in the target is selected. */
export async function hasUnresolvedReject(
  cube: pg.Pool,
  migrationId: string,
  selection: SelectedRejects,
): Promise<boolean> {
  const found = await cube.query(
    `select from ledger.rejects
      where migration_id = $1 and resolution in ('open', 'accepted') and ${selectedSql(2)} limit 1`,
    [migrationId, ...selectionValues(selection)],
  );
  return found.rowCount === 1;
}

/**
 * Ids of a table's selected rejects that are not in the target and that the operation has not tried yet: the first `max` of them
 * behind an id, ascending.
 */
export async function selectedRejectIds(
  cube: pg.Pool,
  migrationId: string,
  table: string,
  selection: SelectedRejects,
  operationId: string,
  after: bigint,
  max: number,
): Promise<bigint[]> {
  const found = await cube.query<{ source_id: string }>(
    `select source_id from ledger.rejects
      where migration_id = $1 and table_name = $2 and source_id > $3 and resolution in ('open', 'accepted')
        and last_attempt_at < (select started_at from ledger.operations where id = $5) and ${selectedSql(6)}
      order by source_id limit $4`,
    [migrationId, table, after.toString(), max, operationId, ...selectionValues(selection)],
  );
  return found.rows.map((row) => BigInt(row.source_id));
}

/** Ids of a table's open rejects that the target refused since a unique value was another row's (SQLSTATE 23505), behind an id, ascending. */
export async function refusedAsRepeated(
  cube: pg.Pool,
  migrationId: string,
  table: string,
  after: bigint,
): Promise<bigint[]> {
  const found = await cube.query<{ source_id: string }>(
    `select source_id from ledger.rejects
      where migration_id = $1 and table_name = $2 and source_id > $3 and resolution = 'open'
        and reason = 'refused_by_target' and detail like 'SQLSTATE 23505%'
      order by source_id limit 500`,
    [migrationId, table, after.toString()],
  );
  return found.rows.map((row) => BigInt(row.source_id));
}
