import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { maxKey } from '../../domain/migration/key-range.js';
import type { Span } from '../../domain/migration/range-comparison.js';
import type { KindTable, TableRule } from '../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../postgres/connect.js';
import { spanLength } from '../../postgres/ledger/moved-rows.js';

/** Ids, ascending and the first few of them only. */
export interface SomeIds {
  readonly count: number;
  readonly first: readonly string[];
}

export const maxNamed = 5;

/** Ids of rows that are still there after they were deleted. */
export interface RemainingRows extends SomeIds {
  /** All of them, as the text of an int8multirange. */
  readonly ids: string;
}

/**
 * Looks for rows that the caller's transaction has deleted: a trigger or a rule may have kept them, or put them back. What
 * waits for the commit happens first. `ids` is the text of an int8multirange, within the span.
 */
export async function findRemainingRows(
  client: pg.ClientBase,
  target: TableRule,
  span: Span,
  ids: string,
): Promise<RemainingRows> {
  await client.query('set constraints all immediate');
  const key = quoteIdentifier(target.key);
  const found = await client.query<{ ids: string; count: string; first: string[] }>(
    `with found as (
       select distinct ${key}::bigint as id from ${quoteIdentifier(target.schema, target.table)}
        where ${key} > $1::bigint and ${key} <= $2::bigint and ${key}::bigint <@ $3::int8multirange)
     select coalesce(range_agg(int8range(id, nullif(id, ${maxKey}), '[]')), '{}')::text as ids, count(*) as count,
            array(select id::text from found order by id limit ${maxNamed}) as first
       from found`,
    [span.after.toString(), span.upto.toString(), ids],
  );
  const [row] = found.rows;
  return { ids: row?.ids ?? '{}', count: Number(row?.count ?? 0), first: row?.first ?? [] };
}

/** The ids of a table that runs of the kind own, as the text of an int8multirange. */
export async function movedByKind(client: pg.ClientBase, { kind, table }: KindTable): Promise<string> {
  const found = await client.query<{ ids: string }>(
    `select coalesce(range_agg(ids), '{}')::text as ids from ledger.batches where kind = $1 and table_name = $2 and state = 'owned'`,
    [kind, table],
  );
  return found.rows[0]?.ids ?? '{}';
}

/** Of `ids` those that are not among `others`, both the text of an int8multirange. */
export async function idsWithout(client: pg.ClientBase, ids: string, others: string): Promise<SomeIds> {
  const found = await client.query<{ count: string; first: string[] }>(
    `with parts as materialized (select part from unnest($1::int8multirange - $2::int8multirange) as part)
     select coalesce((select sum(${spanLength('part')}) from parts), 0) as count,
            array(select lower(part)::text from parts order by part limit ${maxNamed}) as first`,
    [ids, others],
  );
  const [row] = found.rows;
  return { count: Number(row?.count ?? 0), first: row?.first ?? [] };
}

/** Throws when rows that a step took out of the target are there all the same: its transaction must then not commit. */
export async function expectGone(client: pg.ClientBase, target: TableRule, span: Span, ids: string): Promise<void> {
  const left = await findRemainingRows(client, target, span, ids);
  if (left.count === 0) return;
  throw new Failure('undo_incomplete', `${describeRemaining(target, left)}.`, {
    hint: 'Remove the trigger or rule that keeps rows of the table or brings them back; then go on with `resume`.',
  });
}

/** Says which rows are still there, as the beginning of a sentence. */
export function describeRemaining({ schema, table }: TableRule, left: SomeIds): string {
  return `${left.count} rows of ${schema}.${table} are still there after they were deleted: ${nameIds(left)}`;
}

export function nameIds({ count, first }: SomeIds): string {
  return `id ${first.join(', ')}${count > first.length ? ', …' : ''}`;
}
