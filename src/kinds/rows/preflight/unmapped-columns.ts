import { Failure } from '../../../base/failures.js';
import type { UnmappedColumns } from '../../../domain/migration/options.js';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';
import type { Queryable } from './grants.js';

/** The columns of a source that its mapping does not read, in their order: what is in them stays behind. */
export async function unmappedColumns(client: Queryable, { schema, table, columns }: TableRule): Promise<string[]> {
  const found = await client.query<{ name: string }>(
    `select attname as name from pg_attribute
      where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attname <> all ($2) order by attnum`,
    [quoteIdentifier(schema, table), columns.map(({ name }) => name)],
  );
  return found.rows.map(({ name }) => name);
}

/** Throws `legacy_schema_mismatch` for such columns, unless a person has accepted that; returns their names. */
export async function checkUnmapped(
  legacy: Queryable,
  table: TableRule,
  choice: UnmappedColumns,
): Promise<readonly string[]> {
  const names = await atSide('legacy', () => unmappedColumns(legacy, table));
  if (names.length === 0 || choice === 'accept') return names;
  throw new Failure(
    'legacy_schema_mismatch',
    `The table ${table.schema}.${table.table} of the legacy database has columns that the cube has no place for: ${names.join(', ')}.`,
    {
      hint: 'Start the migration with `--option unmapped_columns=accept` to leave what is in them behind in legacy, or drop them there.',
    },
  );
}
