import type pg from 'pg';
import type { ReachCrashPoint } from '../crash-points.js';
import { quoteIdentifier } from './connect.js';
import { atSide, type Databases } from './databases.js';
import { confirmOperation, type OperationClaim } from './ledger/operations.js';
import type { RowMapping } from './row-mapping.js';

export interface RemoveContext {
  readonly databases: Databases;
  readonly mapping: RowMapping;
  readonly claim: OperationClaim;
  readonly onBatch: (removed: { rows: number }) => void;
  readonly reach: ReachCrashPoint;
}

const batchesAtOnce = 20;

/**
 * Takes out of the target every row that runs of the kind put there since the last rollback or complete, a few batches
 * a transaction, and puts back what repairs had set aside. Rows that no run owns stay. Goes on where it stopped when
 * called again; once all is gone it does nothing.
 */
export async function removeOwnedRows(context: RemoveContext, writer: pg.Client): Promise<void> {
  for (;;) {
    const removed = await atSide('cube', () => removeSome(context, writer));
    if (removed === undefined) break;
    context.onBatch({ rows: removed });
  }
  await atSide('cube', () => restoreSetAside(context, writer));
}

async function removeSome(context: RemoveContext, writer: pg.Client): Promise<number | undefined> {
  const { mapping, claim, reach } = context;
  const key = quoteIdentifier(mapping.target.key);
  const table = quoteIdentifier(mapping.target.schema, mapping.target.table);
  await writer.query('begin');
  await confirmOperation(writer, claim);
  const batches = await writer.query<{ count: string; ids: string; least: string | null; greatest: string | null }>(
    `with removed as (
       update ledger.batches set state = 'removed'
        where id in (select id from ledger.batches where kind = $1 and state = 'owned' order by upto limit $2)
       returning ids, after, upto)
     select count(*), coalesce(range_agg(ids), '{}')::text as ids, min(after) as least, max(upto) as greatest from removed`,
    [mapping.kind, batchesAtOnce],
  );
  const [owned] = batches.rows;
  if (owned === undefined || owned.count === '0') {
    await writer.query('rollback');
    return undefined;
  }
  // Bounds for the index; then the exact ids, since other hands may have put rows into the gaps.
  const deleted = await writer.query(
    `delete from ${table} where ${key} > $1 and ${key} <= $2 and ${key} <@ $3::int8multirange`,
    [owned.least, owned.greatest, owned.ids],
  );
  reach('before-removal-commit');
  await writer.query('commit');
  reach('after-removal-commit');
  return deleted.rowCount ?? 0;
}

async function restoreSetAside(context: RemoveContext, writer: pg.Client): Promise<void> {
  const { mapping, claim } = context;
  const key = quoteIdentifier(mapping.target.key);
  const table = quoteIdentifier(mapping.target.schema, mapping.target.table);
  await writer.query('begin');
  await confirmOperation(writer, claim);
  // What a completed run had set aside is final; what retention has emptied cannot come back.
  await writer.query(
    `with aside as materialized (
       select id, source_id, (payload ->> 'exact')::${table} as row from ledger.set_aside
        where kind = $1 and restored_at is null and payload ? 'exact'
          and exists (select 1 from ledger.migrations where migrations.id = migration_id and status <> 'completed')),
     restored as (insert into ${table} select (row).* from aside on conflict do nothing returning ${key} as source_id)
     update ledger.set_aside set restored_at = now()
       from aside join restored using (source_id) where set_aside.id = aside.id`,
    [mapping.kind],
  );
  await writer.query('commit');
}
