import type pg from 'pg';
import { shortened } from '../../base/shortened.js';
import type { ItemRef } from '../../domain/migration/items.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { claimLost, claimValues, type ItemClaim } from './item-claims.js';

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
