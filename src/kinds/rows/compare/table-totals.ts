import type pg from 'pg';
import { maxKey, minKey } from '../../../domain/migration/key-range.js';
import type { MovedTable, TableRule } from '../../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide, type Databases, dropConnection } from '../../../postgres/databases.js';
import { spanLength, spanRange } from '../../../postgres/ledger/moved-rows.js';
import { countWithheld } from '../../../postgres/ledger/withheld.js';
import type { RowMapping } from '../row-mapping.js';
import type { ScanProgress } from '../target-occupancy.js';

export interface SourceTotals {
  readonly rows: number;
  /** Rows whose key is NULL: they lie in no range. */
  readonly withoutKey: number;
}

export interface TargetTotals {
  readonly rows: number;
  /** Those of the rows whose ids runs of the kind own. */
  readonly movedRows: number;
  /** Ids that runs of the kind own, whether their rows are there or not. */
  readonly movedIds: number;
  /** Rejects of the run that are not in the target, and rows that follow one. */
  readonly rejected: number;
}

const rowsAtOnce = 200_000;
/** Bounds the ids that are owned in a span of which the rows are gone. */
const batchesAtOnce = 100;

/**
 * Counts every row of the source up to the horizon, whatever its key: span by span, so that neither a long statement runs nor a snapshot is
 * held. Aborted, it loses its connection.
 */
export async function countSource(
  databases: Databases,
  { source }: RowMapping,
  horizon: bigint | undefined,
  scan: ScanProgress,
): Promise<SourceTotals> {
  const client = await databases.connect('legacy', 'cubeshift count');
  const drop = () => void dropConnection(client);
  scan.signal.addEventListener('abort', drop, { once: true });
  try {
    return await atSide('legacy', async () => {
      const outside = await countOutside(client, source);
      let rows = outside.rows;
      for (let after: bigint | undefined = minKey; after !== undefined; ) {
        const counted: { upto: bigint | undefined; rows: number } = await countSourceSpan(
          client,
          source,
          after,
          horizon ?? maxKey,
        );
        rows += counted.rows;
        after = counted.upto;
        if (after !== undefined) scan.onRange({ position: after });
      }
      return { rows, withoutKey: outside.withoutKey };
    });
  } finally {
    scan.signal.removeEventListener('abort', drop);
    await dropConnection(client);
  }
}

/**
 * Counts every row of the target and what the ledger says of it, span by span: memory is in step with a span, however
 * sparse the ids. Each span is as one statement sees it, rows and ownership together.
 */
export async function countTarget(
  cube: pg.ClientBase,
  mapping: RowMapping,
  migrationId: string,
  onRange: ScanProgress['onRange'],
): Promise<TargetTotals> {
  let { rows } = await countOutside(cube, mapping.target);
  let movedRows = 0;
  let movedIds = 0;
  let after = minKey;
  for (;;) {
    const upto = await endOfTargetSpan(cube, mapping, after);
    if (upto === undefined) break;
    const span = await countTargetSpan(cube, mapping, after, upto);
    rows += span.rows;
    movedRows += span.movedRows;
    movedIds += span.movedIds;
    onRange({ position: upto });
    after = upto;
  }
  const rejects = await cube.query<{ rejected: string }>(
    `select count(*) as rejected from ledger.rejects
      where migration_id = $1 and table_name = $2 and resolution in ('open', 'accepted')`,
    [migrationId, mapping.table],
  );
  const withheld = mapping.parent === undefined ? 0 : await countWithheld(cube, migrationId, mapping.table);
  return { rows, movedRows, movedIds, rejected: Number(rejects.rows[0]?.rejected) + withheld };
}

/** Rows that no span has: those without a key, and one at the least key, which is where the first span begins. */
async function countOutside(client: pg.ClientBase, { schema, table, key }: TableRule): Promise<SourceTotals> {
  const from = `from ${quoteIdentifier(schema, table)} where ${quoteIdentifier(key)}`;
  const counted = await client.query<{ without_key: string; at_least: string }>(
    `select (select count(*) ${from} is null) as without_key,
            (select count(*) ${from} = '${minKey}'::bigint) as at_least`,
  );
  const withoutKey = Number(counted.rows[0]?.without_key);
  return { rows: withoutKey + Number(counted.rows[0]?.at_least), withoutKey };
}

/** `upto` is undefined when there are no rows behind `after`. */
async function countSourceSpan(
  client: pg.ClientBase,
  source: TableRule,
  after: bigint,
  horizon: bigint,
): Promise<{ readonly upto: bigint | undefined; readonly rows: number }> {
  const key = quoteIdentifier(source.key);
  const table = quoteIdentifier(source.schema, source.table);
  const counted = await client.query<{ upto: string | null; rows: string }>(
    `select span.upto::text as upto,
            (select count(*) from ${table} where ${key} > $1::bigint and ${key} <= span.upto) as rows
       from (select max(${key}) as upto
               from (select ${key} from ${table} where ${key} > $1::bigint and ${key} <= $3::bigint order by ${key} limit $2) as ahead) as span`,
    [after.toString(), rowsAtOnce, horizon.toString()],
  );
  const upto = counted.rows[0]?.upto ?? null;
  return { upto: upto === null ? undefined : BigInt(upto), rows: Number(counted.rows[0]?.rows) };
}

/** The nearer of so many rows and so many batches; undefined when there is neither behind `after`. */
async function endOfTargetSpan(
  cube: pg.ClientBase,
  { kind, table, target }: MovedTable,
  after: bigint,
): Promise<bigint | undefined> {
  const key = quoteIdentifier(target.key);
  const rows = quoteIdentifier(target.schema, target.table);
  const found = await cube.query<{ upto: string | null }>(
    `select least(
       (select max(${key})::bigint from (
          select ${key} from ${rows} where ${key} > $3::bigint order by ${key} limit $4) as ahead),
       (select max(upto) from (
          select upto from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' and upto > $3::bigint
           order by upto limit $5) as logged))::text as upto`,
    [kind, table, after.toString(), rowsAtOnce, batchesAtOnce],
  );
  const upto = found.rows[0]?.upto ?? null;
  return upto === null ? undefined : BigInt(upto);
}

async function countTargetSpan(
  cube: pg.ClientBase,
  { kind, table, target }: MovedTable,
  after: bigint,
  upto: bigint,
): Promise<Omit<TargetTotals, 'rejected'>> {
  const key = quoteIdentifier(target.key);
  const counted = await cube.query<{ rows: string; owned_rows: string; owned_ids: string }>(
    `with owned as materialized (
       select coalesce(range_agg(ids) * int8multirange(${spanRange('$3', '$4')}), '{}') as ids
         from ledger.batches where kind = $1 and table_name = $2 and state = 'owned' and upto > $3 and after < $4)
     select counted.rows, counted.owned_rows,
            (select coalesce(sum(${spanLength('part')}), 0) from unnest(owned.ids) as part) as owned_ids
       from owned
      cross join lateral (
        select count(*) as rows, count(*) filter (where ${key}::bigint <@ owned.ids) as owned_rows
          from ${quoteIdentifier(target.schema, target.table)}
         where ${key} > $3::bigint and ${key} <= $4::bigint) as counted`,
    [kind, table, after.toString(), upto.toString()],
  );
  const [row] = counted.rows;
  return { rows: Number(row?.rows), movedRows: Number(row?.owned_rows), movedIds: Number(row?.owned_ids) };
}

/**
 * What does not add up in a table, in a sentence; undefined when every source row is in the target or a reject, or follows
 * one, and every target row is ours. `table` is named where the kind has several.
 */
export function findDisagreement(source: SourceTotals, target: TargetTotals, table?: string): string | undefined {
  const addsUp =
    source.withoutKey === 0 &&
    source.rows - target.rejected === target.rows &&
    target.rows === target.movedRows &&
    target.rows === target.movedIds;
  if (addsUp) return undefined;
  const withoutKey = source.withoutKey === 0 ? '' : `, ${source.withoutKey} of them without an id`;
  return (
    `The rows ${table === undefined ? '' : `of ${table} `}do not add up: legacy has ${source.rows}${withoutKey}, ${target.rejected} are rejected, ` +
    `the cube has ${target.rows}, of which the ledger knows ${target.movedRows}, and the ledger owns ${target.movedIds} ids.`
  );
}
