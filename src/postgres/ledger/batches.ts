import type pg from 'pg';
import type { FencingToken } from '../../domain/migration/fencing-token.js';
import { minKey } from '../../domain/migration/key-range.js';

/** What one batch moved: at most `batch_rows` source rows with ids in (after, upto]. */
export interface BatchEntry {
  readonly after: bigint;
  readonly upto: bigint;
  /** Rows put into the target; negative for rows taken out of it by a repair. */
  readonly migrated: number;
  /** Rejects, and rows that follow one. */
  readonly rejected: number;
  /** Rows that were moved with a warning; the catalogue names what it means for the kind. */
  readonly warned: number;
  readonly bytes: number;
  /** The ids written to the target, as the text of an int8multirange: what the batch owns there. */
  readonly ids: string;
}

export type BatchOrigin = 'copied' | 'adopted' | 'retried' | 'repaired' | 'passed';

export interface BatchContext {
  readonly migrationId: string;
  readonly kind: string;
  readonly table: string;
  readonly worker: string;
  readonly token: FencingToken;
  readonly rangeId: string | null;
  readonly origin: BatchOrigin;
}

/** Writes batches to the log, in the transaction that writes their rows. */
export async function logBatches(
  client: pg.ClientBase,
  context: BatchContext,
  batches: readonly BatchEntry[],
): Promise<void> {
  if (batches.length === 0) return;
  await client.query(
    `insert into ledger.batches
       (migration_id, kind, table_name, range_id, token, worker, origin, after, upto, migrated, rejected, warned, bytes, ids)
     select $1, $2, $3, $4, $5, $6, $7, b.after, b.upto, b.migrated, b.rejected, b.warned, b.bytes, b.ids::int8multirange
       from unnest($8::bigint[], $9::bigint[], $10::int[], $11::int[], $12::int[], $13::bigint[], $14::text[])
         as b (after, upto, migrated, rejected, warned, bytes, ids)`,
    [
      context.migrationId,
      context.kind,
      context.table,
      context.rangeId,
      context.token.toString(),
      context.worker,
      context.origin,
      batches.map((batch) => batch.after.toString()),
      batches.map((batch) => batch.upto.toString()),
      batches.map((batch) => batch.migrated),
      batches.map((batch) => batch.rejected),
      batches.map((batch) => batch.warned),
      batches.map((batch) => batch.bytes),
      batches.map((batch) => batch.ids),
    ],
  );
}

/** Logs that rows of the run's own were taken out of the target: `migrated` of such a batch is negative. */
export async function logRemovedIds(
  client: pg.ClientBase,
  context: BatchContext,
  ids: readonly bigint[],
  rows: number,
): Promise<void> {
  const [min, greatest] = [ids[0], ids.at(-1)];
  if (rows === 0 || min === undefined || greatest === undefined) return;
  const after = min > minKey ? min - 1n : min;
  await logBatches(client, context, [
    { after, upto: greatest, migrated: -rows, rejected: 0, warned: 0, bytes: 0, ids: '{}' },
  ]);
}
