import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { shortened } from '../../base/shortened.js';
import { type FencingToken, fencingToken } from '../../domain/migration/fencing-token.js';
import { type ItemRef, itemSteps, itemTable } from '../../domain/migration/items.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { idRange, ownsSql } from './moved-rows.js';
import { assertCurrent, currentStepSql, notVerifiedSql, runStepValues } from './run-step.js';

/**
 * The right to carry out or to undo one step of an item: a later claim of the step makes an earlier one worthless, should a frozen
 * worker still hold it.
 */
export interface ItemClaim {
  readonly migrationId: string;
  readonly kind: string;
  readonly item: ItemRef;
  readonly step: string;
  readonly token: FencingToken;
}

/**
 * Registers a step for undo, before it runs, and claims it; undefined when this run has made it already. Throws `claim_lost` when
 * the run has gone on, or when the row of the item has left: it holds the batch that owns the row, so that a transaction that takes the row
 * out either finds the step, or comes first.
 */
export async function beginItemStep(
  cube: pg.Pool,
  run: RunReference,
  item: ItemRef,
  step: string,
  place: number,
): Promise<ItemClaim | undefined> {
  const begun = await cube.query<{ is_current: boolean; is_owned: boolean; token: string | null }>(
    `with current as (${currentStepSql}),
     owner as (
       select from ledger.batches join current on batches.kind = current.kind
        where table_name = $3 and ${ownsSql('batches', '$4::bigint')} for share of batches),
     begun as (
       insert into ledger.items as known (kind, table_name, item_id, step, place, migration_id, state, token)
       select kind, $3, $4, $5, $6, id, 'begun', nextval('ledger.claim_tokens') from current
        where exists (select from owner)
       on conflict (kind, table_name, item_id, step) do update
          set place = excluded.place, migration_id = excluded.migration_id, state = 'begun', token = excluded.token,
              changed_at = clock_timestamp(), detail = null
        where not (known.migration_id = excluded.migration_id and known.state = 'done')
       returning token)
     select exists (select from current) as is_current, exists (select from owner) as is_owned, (select token from begun) as token`,
    [...runStepValues(run), item.table, item.id, step, place],
  );
  const { is_owned, token } = assertCurrent(begun, run);
  if (!is_owned)
    throw new Failure(
      'claim_lost',
      `Step ${step} of ${run.kind} ${item.table} ${item.id} came late: its row has left.`,
    );
  if (token === null) return undefined;
  const { migrationId, kind } = run;
  return { migrationId, kind, item, step, token: fencingToken(token) };
}

/** Throws `claim_lost` unless the claim is the newest of its step and its run works; holds both until the transaction ends. */
export async function confirmItem(client: pg.ClientBase, claim: ItemClaim): Promise<void> {
  const confirmed = await client.query(
    `select from ledger.items join ledger.migrations on migrations.id = $5
      where items.kind = $1 and table_name = $2 and item_id = $3 and step = $4 and token = $6 and status = 'running' for share`,
    claimValues(claim),
  );
  if (confirmed.rowCount !== 1) throw claimLost(claim);
}

/** What became of a claimed step. Throws `claim_lost` when another attempt has claimed it. */
export async function endItemStep(cube: pg.Pool, claim: ItemClaim, state: 'done' | 'undone'): Promise<void> {
  const ended = await cube.query(
    `update ledger.items set state = $7, changed_at = clock_timestamp() from ledger.migrations
      where items.kind = $1 and table_name = $2 and item_id = $3 and step = $4 and migrations.id = $5 and token = $6
        and status = 'running'`,
    [...claimValues(claim), state],
  );
  if (ended.rowCount !== 1) throw claimLost(claim);
}

/**
 * Why a step found its item unfit, in full, for the reject that becomes of it; or what a step that is done has left out. Throws `claim_lost`
 * as `endItemStep` does.
 */
export async function recordDetail(cube: pg.Pool, claim: ItemClaim, detail: string): Promise<void> {
  const recorded = await cube.query(
    `update ledger.items set detail = $7 from ledger.migrations
      where items.kind = $1 and table_name = $2 and item_id = $3 and step = $4 and migrations.id = $5 and token = $6
        and status = 'running'`,
    // PostgreSQL holds no NUL.
    [...claimValues(claim), shortened(detail, maxDetail).replaceAll('\0', '\uFFFD')],
  );
  if (recorded.rowCount !== 1) throw claimLost(claim);
}

/** Far more than a person reads: a name in it may be of any length. */
const maxDetail = 10_000;

/** What `recordDetail` last put on record of an item in this run; undefined where nothing is. */
export async function unfitDetail(
  cube: pg.Pool,
  { migrationId, kind }: RunReference,
  { table, id }: ItemRef,
): Promise<string | undefined> {
  const found = await cube.query<{ detail: string }>(
    `select detail from ledger.items
      where kind = $1 and table_name = $2 and item_id = $3 and migration_id = $4 and detail is not null
      order by changed_at desc limit 1`,
    [kind, table, id, migrationId],
  );
  return found.rows[0]?.detail;
}

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

/**
 * Claims the steps of an item that were begun, whichever run began them, the last first: from now on no earlier attempt changes
 * anything. None of them counts as done any more, though its undo be never made: a plan that keeps the item makes it again, and takes the
 * claim over. Throws `claim_lost` when the run has gone on.
 */
export async function claimItemUndo(
  client: pg.ClientBase,
  run: RunReference,
  item: ItemRef,
): Promise<readonly ItemClaim[]> {
  const claimed = await client.query<{ is_current: boolean; steps: { step: string; token: string }[] }>(
    `with current as (${currentStepSql}),
     claimed as (
       update ledger.items set state = 'begun', token = nextval('ledger.claim_tokens') from current
        where items.kind = current.kind and table_name = $3 and item_id = $4 and state in ('begun', 'done')
       returning step, token::text, place)
     select exists (select from current) as is_current,
            coalesce((select json_agg(json_build_object('step', step, 'token', token) order by place desc) from claimed), '[]') as steps`,
    [...runStepValues(run), item.table, item.id],
  );
  const { migrationId, kind } = run;
  return assertCurrent(claimed, run).steps.map(({ step, token }) => ({
    migrationId,
    kind,
    item,
    step,
    token: fencingToken(token),
  }));
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

function claimValues({ migrationId, kind, item, step, token }: ItemClaim): string[] {
  return [kind, item.table, item.id, step, migrationId, token.toString()];
}

function claimLost({ kind, item, step }: ItemClaim): Failure {
  return new Failure('claim_lost', `Another worker took over step ${step} of ${kind} ${item.table} ${item.id}.`);
}
