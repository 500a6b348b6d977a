import type pg from 'pg';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';

/** How many rows the planner believes the table has: from its statistics, never by counting. */
export async function estimateRows(legacy: pg.Pool, table: TableRule): Promise<number> {
  const plan = await atSide('legacy', () =>
    legacy.query<{ 'QUERY PLAN': { Plan: { 'Plan Rows': number } }[] }>(
      `explain (format json) select 1 from ${quoteIdentifier(table.schema, table.table)}`,
    ),
  );
  return plan.rows[0]?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0;
}
