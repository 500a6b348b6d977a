import type pg from 'pg';
import type { TableRule } from '../../../domain/migration/table-rule.js';

/** Whether a table is there, also for a role that may not use its schema. */
export async function tableExists(
  client: pg.ClientBase,
  { schema, table }: Pick<TableRule, 'schema' | 'table'>,
): Promise<boolean> {
  const found = await client.query(
    'select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2',
    [schema, table],
  );
  return found.rowCount !== 0;
}
