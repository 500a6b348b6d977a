import type pg from 'pg';
import type { ItemRef } from '../../domain/migration/items.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { idRange } from './moved-rows.js';

/**
 * Which items are undone: all that runs of the kind did since the last rollback or complete, or those alone of which no run has
 * finished the steps, as a run that failed leaves them.
 */
export type UndoScope = 'all' | 'unfinished';

/** Items behind `after` of which some step is to be undone, in the order of table and id. */
export async function itemsToUndo(
  cube: pg.Pool,
  { kind }: RunReference,
  scope: UndoScope,
  steps: readonly string[],
  after: ItemRef | undefined,
  max: number,
): Promise<readonly ItemRef[]> {
  const found = await cube.query<ItemRef>(
    `select table_name as table, item_id::text as id from ledger.items
      where kind = $1 and state in ('begun', 'done') and ($3::text is null or (table_name, item_id) > ($3, $4::bigint))
      group by table_name, item_id
     having $2 = 'all' or count(*) filter (where state = 'done' and step = any ($5)) < cardinality($5::text[])
         or count(distinct migration_id) > 1
      order by table_name, item_id limit $6`,
    [kind, scope, after?.table ?? null, after?.id ?? null, steps, max],
  );
  return found.rows;
}

/** Of the items with these ids, the text of an int8multirange, up to `max` behind `after` of which some step is to be undone. */
export async function itemsAmong(
  cube: pg.Pool,
  { kind }: RunReference,
  table: string,
  ids: string,
  after: string | undefined,
  max: number,
): Promise<readonly string[]> {
  const found = await cube.query<{ id: string }>(
    `select distinct item_id::text as id, item_id from ledger.items
      where ${notUndoneSql} and ($4::bigint is null or item_id > $4)
      order by item_id limit $5`,
    [kind, table, ids, after ?? null, max],
  );
  return found.rows.map(({ id }) => id);
}

/** Of the items with these ids, the text of an int8multirange, those of which some step is to be undone, as another. */
export async function notUndoneAmong(
  client: pg.ClientBase,
  { kind }: RunReference,
  table: string,
  ids: string,
): Promise<string> {
  const found = await client.query<{ ids: string }>(
    `select coalesce(range_agg(${idRange('item_id')}), '{}')::text as ids from ledger.items where ${notUndoneSql}`,
    [kind, table, ids],
  );
  return found.rows[0]?.ids ?? '{}';
}

/** SQL of the steps that are to be undone of the items of kind $1 and table $2 with ids $3; its bounds are for the index. */
const notUndoneSql = `kind = $1 and table_name = $2 and state in ('begun', 'done')
   and item_id >= lower($3::int8multirange) and (upper_inf($3::int8multirange) or item_id < upper($3::int8multirange))
   and item_id <@ $3::int8multirange`;
