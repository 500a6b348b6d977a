import type pg from 'pg';
import { maxKey, minKey } from '../../domain/migration/key-range.js';
import type { KindTable, MovedTable } from '../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../connect.js';

/**
 * Which target rows runs of a kind put there since the last rollback or complete: the ids of the batches still `owned`.
 * A row that no batch owns is foreign and is never removed.
 */

/**
 * Whether the copy of a run may meet rows that are in the target already: of other runs of the kind, or its own, moved by
 * a repair ahead of the copy.
 */
export async function meetsMovedRows(cube: pg.Pool, kind: string, migrationId: string): Promise<boolean> {
  const owned = await cube.query<{ owns: boolean }>(
    `select exists (select 1 from ledger.batches where kind = $1 and state = 'owned' and (migration_id <> $2 or origin = 'repaired')) as owns`,
    [kind, migrationId],
  );
  return owned.rows[0]?.owns ?? false;
}

/** The ids in (after, upto] of a table that runs of the kind own, as the text of an int8multirange. */
export async function movedIds(
  client: pg.Pool | pg.ClientBase,
  { kind, table }: KindTable,
  after: bigint,
  upto: bigint,
): Promise<string> {
  const owned = await client.query<{ ids: string | null }>(
    `select (range_agg(ids) * int8multirange(${spanRange('$3', '$4')}))::text as ids
       from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' and upto > $3 and after < $4`,
    [kind, table, after.toString(), upto.toString()],
  );
  return owned.rows[0]?.ids ?? '{}';
}

/** Rows of one migration's target that other runs of the kind put there. */
export interface AdoptableRows {
  /** Their ids, as the text of an int8multirange. */
  readonly ids: string;
  readonly rows: number;
}

/** What is in the target in (after, upto], is owned by runs of the kind, and was not moved by this run itself. */
export async function adoptableRows(
  client: pg.ClientBase,
  { kind, table, target }: MovedTable,
  migrationId: string,
  span: { readonly after: bigint; readonly upto: bigint },
): Promise<AdoptableRows> {
  const key = quoteIdentifier(target.key);
  const found = await client.query<{ ids: string; rows: string }>(
    `with owned as materialized (
       select (coalesce(range_agg(ids), '{}') - coalesce(range_agg(ids) filter (where migration_id = $3), '{}'))
              * int8multirange(${spanRange('$4', '$5')}) as ids
         from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' and upto > $4 and after < $5)
     select coalesce(range_agg(${idRange(`row.${key}`)}), '{}')::text as ids, count(*) as rows
       from owned join ${quoteIdentifier(target.schema, target.table)} as row
         on row.${key} > $4::bigint and row.${key} <= $5::bigint and row.${key}::bigint <@ owned.ids`,
    [kind, table, migrationId, span.after.toString(), span.upto.toString()],
  );
  const [row] = found.rows;
  return { ids: row?.ids ?? '{}', rows: Number(row?.rows ?? 0) };
}

/** Where ledger and target disagree about what is ours. */
export interface OwnershipGaps {
  /** Ids that runs of the kind own and the target does not have, as the text of an int8multirange. */
  readonly absent: string;
  readonly absentIds: number;
  /** Ids of rows that are there and that no run owns, ascending. */
  readonly foreign: readonly bigint[];
}

export async function movedRowGaps(
  client: pg.Pool | pg.ClientBase,
  { kind, table, target }: MovedTable,
  span: { readonly after: bigint; readonly upto: bigint },
): Promise<OwnershipGaps> {
  const key = quoteIdentifier(target.key);
  const found = await client.query<{ absent: string; absent_ids: string; foreign: string[] }>(
    `with owned as materialized (
       select coalesce(range_agg(ids), '{}') * int8multirange(${spanRange('$3', '$4')}) as ids
         from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' and upto > $3 and after < $4),
     present as materialized (
       select ${key}::bigint as id from ${quoteIdentifier(target.schema, target.table)}
        where ${key} > $3::bigint and ${key} <= $4::bigint),
     absent as (
       select owned.ids - (select coalesce(range_agg(${idRange('id')}), '{}') from present) as ids from owned)
     select absent.ids::text as absent,
            (select coalesce(sum(${spanLength('part')}), 0) from unnest(absent.ids) as part) as absent_ids,
            array(select id::text from present where not id <@ owned.ids order by id) as foreign
       from absent, owned`,
    [kind, table, span.after.toString(), span.upto.toString()],
  );
  const [row] = found.rows;
  return {
    absent: row?.absent ?? '{}',
    absentIds: Number(row?.absent_ids ?? 0),
    foreign: (row?.foreign ?? []).map(BigInt),
  };
}

/** Those of `ids` that runs of the kind own. */
export async function movedAmong(cube: pg.Pool, { kind, table }: KindTable, ids: readonly bigint[]): Promise<bigint[]> {
  if (ids.length === 0) return [];
  const found = await cube.query<{ id: string }>(
    `select wanted.id from unnest($3::bigint[]) as wanted (id)
      where exists (select 1 from ledger.batches
                     where kind = $1 and table_name = $2 and ${ownsSql('batches', 'wanted.id')})`,
    [kind, table, ids.map(String)],
  );
  return found.rows.map((row) => BigInt(row.id));
}

/**
 * Takes ids from every batch that owns them, in the caller's transaction: a row that left the target has no owner, and one
 * that comes there later under its id is not ours to remove. `ids` is the text of an int8multirange.
 */
export async function forgetMovedIds(client: pg.ClientBase, { kind, table }: KindTable, ids: string): Promise<void> {
  await client.query(
    `update ledger.batches set ids = ids - $3::int8multirange
      where kind = $1 and table_name = $2 and state = 'owned' and ids && $3::int8multirange
        and (upper_inf($3::int8multirange) or after < upper($3::int8multirange)) and upto >= lower($3::int8multirange)`,
    [kind, table, ids],
  );
}

/** SQL of the condition that a batch owns an id, with bounds for the index. */
export function ownsSql(batches: string, id: string): string {
  return `${batches}.state = 'owned' and ${batches}.upto >= ${id} and ${batches}.after < ${id} and ${batches}.ids @> ${id}`;
}

/** SQL of the int8range that holds one id. */
export function idRange(id: string): string {
  return `int8range(${id}, nullif(${id}::bigint, ${maxKey}), '[]')`;
}

/** SQL of how many ids a part of a multirange holds; one that reaches the greatest bigint has no upper bound. */
export function spanLength(part: string): string {
  return `(coalesce(upper(${part})::numeric, 9223372036854775808) - lower(${part}))`;
}

/** SQL of the int8range (after, upto]: PostgreSQL writes it with the successor of `upto`, which the greatest bigint lacks. */
export function spanRange(after: string, upto: string): string {
  return `int8range(${after}::bigint, nullif(${upto}::bigint, ${maxKey}), '(]')`;
}

/** Whether the target holds a row in (after, upto] that no run of the kind owns; from the least key on, that key too. */
export async function holdsForeignRows(
  cube: pg.ClientBase,
  { kind, table, target }: MovedTable,
  span: { readonly after: bigint; readonly upto: bigint },
): Promise<boolean> {
  const key = quoteIdentifier(target.key);
  const rows = quoteIdentifier(target.schema, target.table);
  const found = await cube.query<{ foreign: boolean }>(
    `with owned as materialized (
       select coalesce(range_agg(ids), '{}') as ids from ledger.batches
        where kind = $1 and table_name = $2 and state = 'owned' and upto > $3 and after < $4)
     select exists (select 1 from ${rows} as row, owned
                     where ($3::bigint = '${minKey}' or row.${key} > $3::bigint) and row.${key} <= $4::bigint
                       and not row.${key}::bigint <@ owned.ids) as foreign`,
    [kind, table, span.after.toString(), span.upto.toString()],
  );
  return found.rows[0]?.foreign ?? false;
}

/** The run of the kind that was completed last; undefined when none was. */
export async function completedRun(cube: pg.Pool, kind: string): Promise<string | undefined> {
  const found = await cube.query<{ id: string }>(
    `select id from ledger.migrations where kind = $1 and status = 'completed' order by finished_at desc limit 1`,
    [kind],
  );
  return found.rows[0]?.id;
}
