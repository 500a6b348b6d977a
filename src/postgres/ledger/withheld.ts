import type pg from 'pg';
import type { KindTable } from '../../domain/migration/table-rule.js';

/**
 * Rows of a child table that are not moved because their parent is rejected, or is withheld itself. They are no rejects of
 * their own: each follows one reject, is counted with it, and is moved when its parent is.
 */

/** A reject of a run. */
export interface RejectRef {
  readonly table: string;
  readonly id: bigint;
}

/** A row that is not in the target, and the reject that keeps it out: the row itself, or the one that it follows. */
export interface LeftOutRow {
  readonly id: bigint;
  readonly reject: RejectRef;
}

export interface WithheldEntry {
  readonly sourceId: bigint;
  readonly parentId: bigint;
  readonly reject: RejectRef;
}

interface LeftOutRecord {
  readonly id: string;
  readonly reject_table: string;
  readonly reject_id: string;
}

/** Rows of a table that are rejected or withheld: the first `max` of them behind an id, ascending. */
export async function leftOutRows(
  cube: pg.Pool,
  migrationId: string,
  table: string,
  after: bigint,
  max: number,
): Promise<LeftOutRow[]> {
  const found = await cube.query<LeftOutRecord>(
    `(select source_id as id, table_name as reject_table, source_id as reject_id from ledger.rejects
       where migration_id = $1 and table_name = $2 and source_id > $3 and resolution in ('open', 'accepted')
       order by source_id limit $4)
     union all
     (select source_id, reject_table, reject_id from ledger.withheld
       where migration_id = $1 and table_name = $2 and source_id > $3 and released_at is null
       order by source_id limit $4)
     order by id limit $4`,
    [migrationId, table, after.toString(), max],
  );
  return found.rows.map(toLeftOutRow);
}

/** Those of `ids` that are rejected or withheld. */
export async function leftOutAmong(
  cube: pg.Pool,
  migrationId: string,
  table: string,
  ids: readonly bigint[],
): Promise<LeftOutRow[]> {
  if (ids.length === 0) return [];
  const found = await cube.query<LeftOutRecord>(
    `select source_id as id, table_name as reject_table, source_id as reject_id from ledger.rejects
      where migration_id = $1 and table_name = $2 and source_id = any ($3::bigint[]) and resolution in ('open', 'accepted')
     union all
     select source_id, reject_table, reject_id from ledger.withheld
      where migration_id = $1 and table_name = $2 and source_id = any ($3::bigint[]) and released_at is null`,
    [migrationId, table, ids.map(String)],
  );
  return found.rows.map(toLeftOutRow);
}

function toLeftOutRow({ id, reject_table, reject_id }: LeftOutRecord): LeftOutRow {
  return { id: BigInt(id), reject: { table: reject_table, id: BigInt(reject_id) } };
}

/** Puts rows on record as withheld, in the caller's transaction; a reject of their own that they had is none any more. */
export async function recordWithheld(
  client: pg.ClientBase,
  migrationId: string,
  table: string,
  entries: readonly WithheldEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const ids = entries.map(({ sourceId }) => sourceId.toString());
  await client.query(
    `insert into ledger.withheld (migration_id, table_name, source_id, parent_id, reject_table, reject_id)
     select $1, $2, w.id, w.parent_id, w.reject_table, w.reject_id
       from unnest($3::bigint[], $4::bigint[], $5::text[], $6::bigint[]) as w (id, parent_id, reject_table, reject_id)
     on conflict (migration_id, table_name, source_id) do update
        set parent_id = excluded.parent_id, reject_table = excluded.reject_table, reject_id = excluded.reject_id,
            withheld_at = now(), released_at = null`,
    [
      migrationId,
      table,
      ids,
      entries.map(({ parentId }) => parentId.toString()),
      entries.map(({ reject }) => reject.table),
      entries.map(({ reject }) => reject.id.toString()),
    ],
  );
  await client.query(
    `update ledger.rejects set resolution = 'withheld'
      where migration_id = $1 and table_name = $2 and source_id = any ($3::bigint[]) and resolution in ('open', 'accepted')`,
    [migrationId, table, ids],
  );
}

/** Marks rows as withheld no more, in the caller's transaction: they were moved or rejected, or legacy has deleted them. */
export async function releaseWithheld(
  client: pg.ClientBase,
  migrationId: string,
  table: string,
  ids: readonly bigint[],
): Promise<void> {
  if (ids.length === 0) return;
  await client.query(
    `update ledger.withheld set released_at = now()
      where migration_id = $1 and table_name = $2 and source_id = any ($3::bigint[]) and released_at is null`,
    [migrationId, table, ids.map(String)],
  );
}

/** As `releaseWithheld`, for all rows in (after, upto]. */
export async function releaseWithheldBetween(
  client: pg.ClientBase,
  migrationId: string,
  table: string,
  after: bigint,
  upto: bigint,
): Promise<void> {
  await client.query(
    `update ledger.withheld set released_at = now()
      where migration_id = $1 and table_name = $2 and source_id > $3 and source_id <= $4 and released_at is null`,
    [migrationId, table, after.toString(), upto.toString()],
  );
}

/** Ids of withheld rows in (after, upto], ascending. */
export async function withheldIds(
  cube: pg.Pool,
  migrationId: string,
  table: string,
  after: bigint,
  upto: bigint,
): Promise<bigint[]> {
  const found = await cube.query<{ source_id: string }>(
    `select source_id from ledger.withheld
      where migration_id = $1 and table_name = $2 and source_id > $3 and source_id <= $4 and released_at is null
      order by source_id`,
    [migrationId, table, after.toString(), upto.toString()],
  );
  return found.rows.map((row) => BigInt(row.source_id));
}

/** Ids in (after, upto] that earlier runs of the kind withheld and did not release since. */
export async function formerWithheldIds(
  cube: pg.Pool,
  { kind, table }: KindTable,
  migrationId: string,
  after: bigint,
  upto: bigint,
): Promise<bigint[]> {
  const found = await cube.query<{ source_id: string }>(
    `select distinct source_id from ledger.withheld join ledger.migrations on migrations.id = migration_id
      where kind = $1 and table_name = $2 and migration_id <> $3 and source_id > $4 and source_id <= $5
        and released_at is null
      order by source_id`,
    [kind, table, migrationId, after.toString(), upto.toString()],
  );
  return found.rows.map((row) => BigInt(row.source_id));
}

/**
 * Withheld rows whose parent does not follow the same reject any more, since it was moved, say: the first `max` of them
 * behind an id, ascending.
 */
export async function releasableIds(
  cube: pg.Pool,
  migrationId: string,
  table: string,
  parentTable: string,
  after: bigint,
  max: number,
): Promise<bigint[]> {
  const found = await cube.query<{ source_id: string }>(
    `select child.source_id from ledger.withheld as child
      where child.migration_id = $1 and child.table_name = $2 and child.source_id > $4 and child.released_at is null
        and not exists (
          select from ledger.rejects as parent
           where parent.migration_id = $1 and parent.table_name = $3 and parent.source_id = child.parent_id
             and resolution in ('open', 'accepted')
             and child.reject_table = parent.table_name and child.reject_id = parent.source_id)
        and not exists (
          select from ledger.withheld as parent
           where parent.migration_id = $1 and parent.table_name = $3 and parent.source_id = child.parent_id
             and parent.released_at is null
             and child.reject_table = parent.reject_table and child.reject_id = parent.reject_id)
      order by child.source_id limit $5`,
    [migrationId, table, parentTable, after.toString(), max],
  );
  return found.rows.map((row) => BigInt(row.source_id));
}

/** How many rows of a table a run withholds. */
export async function countWithheld(cube: pg.ClientBase, migrationId: string, table: string): Promise<number> {
  const found = await cube.query<{ withheld: string }>(
    `select count(*) as withheld from ledger.withheld
      where migration_id = $1 and table_name = $2 and released_at is null`,
    [migrationId, table],
  );
  return Number(found.rows[0]?.withheld ?? 0);
}
