import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { itemSteps, itemTable } from '../../domain/migration/items.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { idRange } from './moved-rows.js';

/**
 * Within the transaction that hands rows over: what was done to items is final, and no later rollback undoes it. `ids`, the text of
 * an int8multirange, are the items whose rows are handed over. Throws `undo_incomplete` while a step of another item is not undone, which
 * left the cube after its steps were begun; and `unexpected` when one of `ids` lacks a step.
 */
export async function finalizeItems(client: pg.ClientBase, run: RunReference, ids: string): Promise<void> {
  const { kind } = run;
  const table = itemTable(kind);
  if (table === undefined) return;
  const left = await client.query<{ name: string }>(
    `select table_name || ' ' || item_id as name from ledger.items
      where kind = $1 and state in ('begun', 'done') and not (table_name = $2 and item_id <@ $3::int8multirange)
      group by table_name, item_id order by table_name, item_id limit 3`,
    [kind, table, ids],
  );
  if (left.rows.length > 0)
    throw new Failure(
      'undo_incomplete',
      `Items that left the cube still have steps that were not undone: ${left.rows.map(({ name }) => name).join(', ')}.`,
      {
        hint: 'Nothing was handed over: roll the migration back, which undoes what was done to items, and move the kind again.',
      },
    );
  const lacking = await idsLackingSteps(client, run, table, ids);
  if (lacking !== '{}')
    throw new Failure('unexpected', `Not every item of ${table} was taken through all of its steps: ids ${lacking}.`, {
      hint: 'Nothing was handed over: cancel the migration and start another, which takes over what is in the cube and makes the steps.',
    });
  await client.query(
    `update ledger.items set state = 'final', changed_at = clock_timestamp() where kind = $1 and state = 'done'`,
    [kind],
  );
}

/** Of these items, the first whose steps this run has not all made, as the text of an int8multirange. */
async function idsLackingSteps(
  client: pg.ClientBase,
  { migrationId, kind }: RunReference,
  table: string,
  ids: string,
): Promise<string> {
  const lacking = await client.query<{ ids: string }>(
    `with finished as (
       select item_id from ledger.items
        where kind = $1 and table_name = $2 and migration_id = $3 and state = 'done' and step = any ($4)
        group by item_id having count(*) = cardinality($4::text[])),
     lacking as (
       select $5::int8multirange - coalesce(range_agg(${idRange('item_id')}), '{}') as ids from finished)
     select coalesce(range_agg(part), '{}')::text as ids from (select unnest(ids) as part from lacking limit 3) as parts`,
    [kind, table, migrationId, itemSteps(kind), ids],
  );
  return lacking.rows[0]?.ids ?? '{}';
}
