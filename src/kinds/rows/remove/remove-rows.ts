import type pg from 'pg';
import type { ReachCrashPoint } from '../../../base/crash-points.js';
import { Failure } from '../../../base/failures.js';
import { minKey } from '../../../domain/migration/key-range.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide, type Databases } from '../../../postgres/databases.js';
import { spanLength } from '../../../postgres/ledger/moved-rows.js';
import { confirmOperation, type OperationClaim } from '../../../postgres/ledger/operations.js';
import { reopenRemoved } from '../../../postgres/ledger/removed-rows.js';
import type { ItemsOfRows } from '../../items-of-rows.js';
import {
  describeRemaining,
  findRemainingRows,
  idsWithout,
  movedByKind,
  nameIds,
  type SomeIds,
} from '../remaining-rows.js';
import { restoreSetAside } from '../repair/set-aside.js';
import type { RowMapping, RowTables } from '../row-mapping.js';

export interface RemoveContext {
  readonly databases: Databases;
  readonly tables: RowTables;
  readonly claim: OperationClaim;
  readonly onBatch: (removed: { rows: number }) => void;
  readonly reach: ReachCrashPoint;
  readonly itemsOfRows: ItemsOfRows;
}

const batchesAtOnce = 20;

/**
 * Takes out of the target, children before their parents, every row that runs of the kind put there since the last rollback or complete, a few batches
 * a transaction, and puts back what repairs had set aside. Rows that no run owns stay, and so does the row of an item of which a step
 * could not be undone: its undo may need the row. Goes on where it stopped when called again; once all is gone it does nothing.
 * Throws `undo_incomplete` when all was tried and something remains: the runs go on to own what is still there.
 */
export async function removeMovedRows(context: RemoveContext, writer: pg.Client): Promise<void> {
  for (const mapping of context.tables.toReversed()) {
    let position: Position | undefined = { upto: minKey, batch: '0' };
    while (position !== undefined) {
      const after: Position = position;
      position = await atSide('cube', () => removeSome(context, mapping, writer, after));
    }
  }
  await atSide('cube', () => finishRemoval(context, writer));
}

/** The last batch that was read, in their order. */
interface Position {
  readonly upto: bigint;
  readonly batch: string;
}

async function removeSome(
  context: RemoveContext,
  mapping: RowMapping,
  writer: pg.Client,
  after: Position,
): Promise<Position | undefined> {
  const { claim, reach, itemsOfRows } = context;
  const key = quoteIdentifier(mapping.target.key);
  const table = quoteIdentifier(mapping.target.schema, mapping.target.table);
  await writer.query('begin');
  await confirmOperation(writer, claim);
  const batches = await writer.query<{ id: string; after: string; upto: string; ids: string }>(
    `select id, after, upto, ids::text as ids from ledger.batches
      where kind = $1 and table_name = $2 and state = 'owned' and (upto, id) > ($3::bigint, $4::bigint)
      order by upto, id limit $5`,
    [mapping.kind, mapping.table, after.upto.toString(), after.batch, batchesAtOnce],
  );
  const last = batches.rows.at(-1);
  if (last === undefined) {
    await writer.query('rollback');
    return undefined;
  }
  const removed = batches.rows.map(({ id }) => id);
  const owned = await writer.query<{ ids: string; after: string }>(
    `with removed as (update ledger.batches set state = 'removed' where id = any ($1::bigint[]) returning ids, after)
     select coalesce(range_agg(ids), '{}')::text as ids, coalesce(min(after), $2) as after from removed`,
    [removed, last.after],
  );
  const ids = owned.rows[0]?.ids ?? '{}';
  const span = { after: BigInt(owned.rows[0]?.after ?? last.after), upto: BigInt(last.upto) };
  const kept = await itemsOfRows.notUndone(writer, mapping.table, ids);
  // Bounds for the index; then the exact ids, since other hands may have put rows into the gaps.
  const deleted = await writer.query(
    `delete from ${table}
      where ${key} > $1::bigint and ${key} <= $2::bigint and ${key}::bigint <@ ($3::int8multirange - $4::int8multirange)`,
    [span.after.toString(), span.upto.toString(), ids, kept],
  );
  const left = await findRemainingRows(writer, mapping.target, span, ids);
  // What is still there stays owned; what is gone has no owner, and neither has a row that comes there later.
  await writer.query(
    `update ledger.batches set state = 'owned', ids = ids * $2::int8multirange,
            migrated = (select sum(${spanLength('part')}) from unnest(ids * $2::int8multirange) as part)
      where id = any ($1::bigint[]) and ids && $2::int8multirange`,
    [removed, left.ids],
  );
  await reopenRemoved(writer, mapping, span, ids, left.ids);
  reach('before-removal-commit');
  await writer.query('commit');
  reach('after-removal-commit');
  context.onBatch({ rows: deleted.rowCount ?? 0 });
  return { upto: span.upto, batch: last.id };
}

/** Rows that became final: a run of which there are some is completed, and nothing of it can be undone. */
async function handedOverBy(writer: pg.Client, migrationId: string): Promise<number> {
  const found = await writer.query<{ rows: string }>(
    "select coalesce(sum(migrated), 0) as rows from ledger.batches where migration_id = $1 and state = 'final'",
    [migrationId],
  );
  return Number(found.rows[0]?.rows);
}

async function finishRemoval({ tables, claim, itemsOfRows }: RemoveContext, writer: pg.Client): Promise<void> {
  await writer.query('begin');
  await confirmOperation(writer, claim);
  const incomplete: string[] = [];
  for (const mapping of tables) {
    const notRestored = await restoreSetAside(writer, mapping);
    const owned = await movedByKind(writer, mapping);
    const ofItems = await itemsOfRows.notUndone(writer, mapping.table, owned);
    const kept = await idsWithout(writer, ofItems, '{}');
    const left = await idsWithout(writer, owned, ofItems);
    if (kept.count > 0) incomplete.push(describeKept(mapping, kept));
    if (left.count > 0) incomplete.push(describeRemaining(mapping.target, left));
    if (notRestored.count > 0) {
      const of = tables.length > 1 ? ` of ${mapping.target.schema}.${mapping.target.table}` : '';
      incomplete.push(
        `${notRestored.count} rows${of} that had been set aside could not be put back: ${nameIds(notRestored)}`,
      );
    }
  }
  const handedOver = await handedOverBy(writer, claim.migrationId);
  await writer.query('commit');
  const sentences = [
    ...(handedOver === 0 ? [] : [`${handedOver} rows of this migration were handed over for good and stay`]),
    ...incomplete,
  ];
  if (sentences.length === 0) return;
  throw new Failure('undo_incomplete', `${sentences.join('; ')}.`, {
    hint: 'Look for triggers, rules and rows of other hands on the table; then delete or put back by hand what is named.',
  });
}

function describeKept({ target: { schema, table } }: RowMapping, kept: SomeIds): string {
  return `${kept.count} rows of ${schema}.${table} stay, since what was done to their items was not undone: ${nameIds(kept)}`;
}
