import type pg from 'pg';
import { maxKey } from '../../domain/migration/key-range.js';
import type { Span } from '../../domain/migration/range-comparison.js';

/** What legacy's rows of a span were, without those that are not moved. */
export interface SourceState {
  readonly rows: number;
  readonly digest: string;
}

export interface PassedRange extends Span {
  /** What they were when the last pass found them equal to the cube's; undefined where none has. */
  readonly source: SourceState | undefined;
}

/** The range that begins at an id: as the last pass left it, or up to the next one that is on record. */
export async function passedRangeAt(
  cube: pg.Pool,
  migrationId: string,
  table: string,
  after: bigint,
): Promise<PassedRange> {
  const found = await cube.query<{ after: string; upto: string; source_rows: string; source_digest: string }>(
    `select after, upto, source_rows, source_digest from ledger.passed_ranges
      where migration_id = $1 and table_name = $2 and after >= $3 order by after limit 1`,
    [migrationId, table, after.toString()],
  );
  const [row] = found.rows;
  if (row === undefined) return { after, upto: maxKey, source: undefined };
  if (BigInt(row.after) > after) return { after, upto: BigInt(row.after), source: undefined };
  return { after, upto: BigInt(row.upto), source: { rows: Number(row.source_rows), digest: row.source_digest } };
}

/**
 * Puts a span on record as equal, in place of what began in it; `changed` says that legacy had changed it since the pass before.
 */
export async function recordPassedRange(
  client: pg.ClientBase,
  { migrationId, table }: { readonly migrationId: string; readonly table: string },
  { after, upto }: Span,
  source: SourceState,
  changed: boolean,
): Promise<void> {
  const values = [migrationId, table, after.toString(), upto.toString()];
  await client.query(
    'delete from ledger.passed_ranges where migration_id = $1 and table_name = $2 and after >= $3 and after < $4',
    values,
  );
  await client.query(
    `insert into ledger.passed_ranges (migration_id, table_name, after, upto, source_rows, source_digest, changed_at)
     values ($1, $2, $3, $4, $5, $6, case when $7 then clock_timestamp() end)`,
    [...values, source.rows, source.digest, changed],
  );
}

/** How many ranges passes have found changed since the newest verification began; 0 before the first. */
export async function rangesChangedSinceVerification(cube: pg.Pool, migrationId: string): Promise<number> {
  const found = await cube.query<{ ranges: string }>(
    `select count(*) as ranges from ledger.passed_ranges
      where migration_id = $1
        and changed_at > (select started_at from ledger.verifications where migration_id = $1 order by id desc limit 1)`,
    [migrationId],
  );
  return Number(found.rows[0]?.ranges ?? 0);
}
