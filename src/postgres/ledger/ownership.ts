import type pg from 'pg';
import { quoteIdentifier } from '../connect.js';
import type { TableRule } from '../row-mapping.js';

/**
 * Which target rows runs of a kind put there since the last rollback or complete: the ids of the batches still `owned`.
 * A row that no batch owns belongs to somebody else and is never removed.
 */

/** Whether any run of the kind still owns rows, other than `exceptMigrationId`. */
export async function ownsRows(cube: pg.Pool, kind: string, exceptMigrationId: string): Promise<boolean> {
  const owned = await cube.query<{ owns: boolean }>(
    `select exists (select 1 from ledger.batches where kind = $1 and state = 'owned' and migration_id <> $2) as owns`,
    [kind, exceptMigrationId],
  );
  return owned.rows[0]?.owns ?? false;
}

/** The ids in (after, upto] that runs of the kind own, as the text of an int8multirange. */
export async function ownedIds(
  client: pg.Pool | pg.ClientBase,
  kind: string,
  after: bigint,
  upto: bigint,
): Promise<string> {
  const owned = await client.query<{ ids: string | null }>(
    `select (range_agg(ids) * int8multirange(int8range($2, $3, '(]')))::text as ids
       from ledger.batches where kind = $1 and state = 'owned' and upto > $2 and after < $3`,
    [kind, after.toString(), upto.toString()],
  );
  return owned.rows[0]?.ids ?? '{}';
}

/** Whether the target holds a row that no run of the kind owns. */
export async function holdsForeignRows(cube: pg.Pool, kind: string, target: TableRule): Promise<boolean> {
  const key = quoteIdentifier(target.key);
  const table = quoteIdentifier(target.schema, target.table);
  const found = await cube.query<{ foreign: boolean }>(
    `with owned as materialized (
       select coalesce(range_agg(ids), '{}') as ids from ledger.batches where kind = $1 and state = 'owned')
     select exists (select 1 from ${table} as row, owned where not row.${key} <@ owned.ids) as foreign`,
    [kind],
  );
  return found.rows[0]?.foreign ?? false;
}
