import type pg from 'pg';
import type { ItemRef } from '../../domain/migration/items.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { ownsSql } from './moved-rows.js';
import { assertCurrent, currentStepSql, notVerifiedSql, runStepValues } from './run-step.js';

/** Of these items, in their order, those whose rows runs of the kind own and that this run has not taken through all of `steps`. */
export async function unfinishedItems(
  cube: pg.Pool,
  { migrationId, kind }: RunReference,
  items: readonly ItemRef[],
  steps: readonly string[],
): Promise<readonly ItemRef[]> {
  const found = await cube.query<ItemRef>(
    `select item.table_name as table, item.id::text as id
       from unnest($3::text[], $4::bigint[]) with ordinality as item (table_name, id, place)
      where exists (select from ledger.batches
                     where kind = $1 and batches.table_name = item.table_name and ${ownsSql('batches', 'item.id')})
        and (select count(*) from ledger.items as made
              where kind = $1 and made.table_name = item.table_name and item_id = item.id
                and migration_id = $2 and state = 'done' and step = any ($5)) < cardinality($5::text[])
      order by place`,
    [kind, migrationId, items.map(({ table }) => table), items.map(({ id }) => id), steps],
  );
  return found.rows;
}

/**
 * Makes the steps of these items count as not done, so that the plan carries them out again: what is done to an item is part of
 * what is compared. Throws `claim_lost` when the run has gone on, or was compared meanwhile.
 */
export async function reopenItems(
  client: pg.ClientBase,
  run: RunReference,
  table: string,
  ids: readonly bigint[],
): Promise<void> {
  const reopened = await client.query<{ is_current: boolean }>(
    `with current as (select * from (${currentStepSql}) as run where ${notVerifiedSql('$1', '$2')}),
     reopened as (
       update ledger.items set state = 'begun', token = nextval('ledger.claim_tokens'), changed_at = clock_timestamp() from current
        where items.kind = current.kind and table_name = $3 and item_id = any ($4::bigint[]) and state = 'done')
     select exists (select from current) as is_current`,
    [...runStepValues(run), table, ids.map(String)],
  );
  assertCurrent(reopened, run);
}
