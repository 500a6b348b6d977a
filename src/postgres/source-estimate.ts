import type pg from 'pg';
import { quoteIdentifier } from './connect.js';
import { atSide } from './databases.js';
import type { FindRangeEnd } from './ledger/ranges.js';
import type { TableRule } from './row-mapping.js';

/** How many rows the planner believes the table has: from its statistics, never by counting. */
export async function estimateRows(legacy: pg.Pool, table: TableRule): Promise<number> {
  const plan = await atSide('legacy', () =>
    legacy.query<{ 'QUERY PLAN': { Plan: { 'Plan Rows': number } }[] }>(
      `explain (format json) select 1 from ${quoteIdentifier(table.schema, table.table)}`,
    ),
  );
  return plan.rows[0]?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0;
}

/**
 * Cuts the key space by walking the key's index, `rows` entries at a time: holes and skew make no range larger,
 * and nothing is counted beforehand.
 */
export function rangeEnds(legacy: pg.Pool, table: TableRule, rows: number): FindRangeEnd {
  const key = quoteIdentifier(table.key);
  const statement = `select max(${key})::text as upto
    from (select ${key} from ${quoteIdentifier(table.schema, table.table)} where ${key} > $1 order by ${key} limit $2) as span`;
  return async (after) => {
    const found = await atSide('legacy', () =>
      legacy.query<{ upto: string | null }>(statement, [after.toString(), rows]),
    );
    const upto = found.rows[0]?.upto;
    return upto === null || upto === undefined ? undefined : BigInt(upto);
  };
}
