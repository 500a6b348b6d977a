import type pg from 'pg';
import { quoteIdentifier } from './connect.js';
import { atSide, type Databases, dropConnection } from './databases.js';
import { spanLength } from './ledger/ownership.js';
import type { RowMapping } from './row-mapping.js';

export interface SourceTotals {
  readonly rows: number;
  /** Rows whose key is NULL: they lie in no range. */
  readonly withoutKey: number;
}

export interface TargetTotals {
  readonly rows: number;
  /** Those of the rows whose ids runs of the kind own. */
  readonly ownedRows: number;
  /** Ids that runs of the kind own, whether their rows are there or not. */
  readonly ownedIds: number;
  /** Rejects of the run that are not in the target. */
  readonly rejected: number;
}

/** Counts the whole source, without any condition. One statement, however large the table; aborted, it loses its connection. */
export async function countSource(
  databases: Databases,
  { source }: RowMapping,
  signal: AbortSignal,
): Promise<SourceTotals> {
  const client = await databases.connect('legacy', 'cubeshift count');
  const drop = () => void dropConnection(client);
  signal.addEventListener('abort', drop, { once: true });
  try {
    const counted = await atSide('legacy', () =>
      client.query<{ rows: string; without_key: string }>(
        `select count(*) as rows, count(*) - count(${quoteIdentifier(source.key)}) as without_key
           from ${quoteIdentifier(source.schema, source.table)}`,
      ),
    );
    const [row] = counted.rows;
    return { rows: Number(row?.rows), withoutKey: Number(row?.without_key) };
  } finally {
    signal.removeEventListener('abort', drop);
    await dropConnection(client);
  }
}

/** Counts the whole target and what the ledger says of it, as one statement sees them, in the caller's transaction. */
export async function countTarget(
  cube: pg.ClientBase,
  { kind, target }: RowMapping,
  migrationId: string,
): Promise<TargetTotals> {
  const counted = await cube.query<{ rows: string; owned_rows: string; owned_ids: string; rejected: string }>(
    `with owned as materialized (
       select coalesce(range_agg(ids), '{}') as ids from ledger.batches where kind = $1 and state = 'owned')
     select counted.rows, counted.owned_rows,
            (select coalesce(sum(${spanLength('part')}), 0) from unnest(owned.ids) as part) as owned_ids,
            (select count(*) from ledger.rejects
              where migration_id = $2 and resolution in ('open', 'accepted')) as rejected
       from owned
      cross join lateral (
        select count(*) as rows, count(*) filter (where ${quoteIdentifier(target.key)}::bigint <@ owned.ids) as owned_rows
          from ${quoteIdentifier(target.schema, target.table)}) as counted`,
    [kind, migrationId],
  );
  const [row] = counted.rows;
  return {
    rows: Number(row?.rows),
    ownedRows: Number(row?.owned_rows),
    ownedIds: Number(row?.owned_ids),
    rejected: Number(row?.rejected),
  };
}

/** What does not add up, in a sentence; undefined when every source row is in the target or a reject, and every target row ours. */
export function findDisagreement(source: SourceTotals, target: TargetTotals): string | undefined {
  const addsUp =
    source.withoutKey === 0 &&
    source.rows - target.rejected === target.rows &&
    target.rows === target.ownedRows &&
    target.rows === target.ownedIds;
  if (addsUp) return undefined;
  const withoutKey = source.withoutKey === 0 ? '' : `, ${source.withoutKey} of them without an id`;
  return (
    `The rows do not add up: legacy has ${source.rows}${withoutKey}, ${target.rejected} are rejected, ` +
    `the cube has ${target.rows}, of which the ledger knows ${target.ownedRows}, and the ledger owns ${target.ownedIds} ids.`
  );
}
