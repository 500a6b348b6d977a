import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { type FencingToken, fencingToken } from '../../domain/migration/fencing-token.js';
import type { ItemRef } from '../../domain/migration/items.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { ownsSql } from './moved-rows.js';
import { assertCurrent, currentStepSql, runStepValues } from './run-step.js';

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

export function claimValues({ migrationId, kind, item, step, token }: ItemClaim): string[] {
  return [kind, item.table, item.id, step, migrationId, token.toString()];
}

export function claimLost({ kind, item, step }: ItemClaim): Failure {
  return new Failure('claim_lost', `Another worker took over step ${step} of ${kind} ${item.table} ${item.id}.`);
}
