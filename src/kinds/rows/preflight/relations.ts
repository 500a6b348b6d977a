import type pg from 'pg';
import { Failure } from '../../../base/failures.js';
import { kindEntry, type MigrationKind } from '../../../domain/catalog.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide, type Databases } from '../../../postgres/databases.js';
import { recordNotice } from '../../../postgres/ledger/notices.js';
import { parentReader } from '../left-out-parents.js';
import type { RowMapping, RowTables } from '../row-mapping.js';
import type { Queryable } from './grants.js';
import { estimateRows } from './source-estimate.js';

/**
 * Throws where the mappings of a kind's tables do not fit together, or are of other tables or parents than the catalogue names:
 * a defect of the program, found when it starts.
 */
export function checkRelations(tables: RowTables): void {
  for (const [place, mapping] of tables.entries()) {
    const { kind, table, parent } = mapping;
    if (parent === undefined) continue;
    if (!tables.slice(0, place).some((earlier) => earlier.table === parent.table))
      throw new Failure('unexpected', `The kind ${kind} lists ${table} before its parent ${parent.table}.`);
    parentReader(mapping);
  }
  const { kind } = tables[0];
  const mapped = tables.map(({ table, parent }) => relationText(table, parent?.table)).join(', ');
  const listed = kindEntry(kind as MigrationKind)
    .tables.map(({ name, parent }) => relationText(name, parent))
    .join(', ');
  if (mapped !== listed)
    throw new Failure('unexpected', `The kind ${kind} has mappings of ${mapped}, and in the catalogue ${listed}.`);
}

function relationText(table: string, parent: string | undefined): string {
  return parent === undefined ? table : `${table} (child of ${parent})`;
}

/**
 * Throws `cube_schema_mismatch` where a foreign key binds tables of the kind to each other in the cube database: a repair
 * replaces rows of one table after the other, and a parent cannot leave while its children are there, or would take them along.
 */
export async function checkUnbound(cube: Queryable, tables: RowTables): Promise<void> {
  const names = tables.map(({ target }) => quoteIdentifier(target.schema, target.table));
  const found = await cube.query<{ name: string; child: string; parent: string }>(
    `select conname as name, conrelid::regclass::text as child, confrelid::regclass::text as parent
       from pg_catalog.pg_constraint
      where contype = 'f' and conrelid = any (select pg_catalog.to_regclass(name) from unnest($1::text[]) as name)
        and confrelid = any (select pg_catalog.to_regclass(name) from unnest($1::text[]) as name)
      order by conname limit 1`,
    [names],
  );
  const [key] = found.rows;
  if (key === undefined) return;
  throw new Failure(
    'cube_schema_mismatch',
    `The table ${key.child} of the cube database refers to ${key.parent} by the foreign key ${key.name}, which repairs cannot keep.`,
    { hint: `Drop it there: \`alter table ${key.child} drop constraint ${quoteIdentifier(key.name)}\`.` },
  );
}

/** Children of a table of fewer rows are found quickly without an index. */
const minLargeRows = 100_000;

/** Puts on record which large child tables have no index on their parent's column: a repair reads such a table whole. */
export async function recordMissingIndexes({ legacy, cube }: Databases, tables: RowTables, migrationId: string) {
  for (const mapping of tables) {
    const { parent, source } = mapping;
    if (parent === undefined || (await isIndexedByParent(legacy, mapping))) continue;
    if ((await estimateRows(legacy, source)) < minLargeRows) continue;
    const detail = { table: source.table, column: parent.column, text: 'No index is on the column.' };
    await atSide('cube', () => recordNotice(cube, migrationId, 'index_missing', detail));
  }
}

/** Whether legacy finds the children of a parent by an index. */
export async function isIndexedByParent(legacy: pg.Pool, { source, parent }: RowMapping): Promise<boolean> {
  const found = await atSide('legacy', () =>
    legacy.query<{ indexed: boolean }>(
      `select exists (
         select from pg_catalog.pg_index join pg_catalog.pg_attribute on attrelid = indrelid and attnum = indkey[0]
          where indrelid = pg_catalog.to_regclass($1) and attname = $2 and indisvalid and indpred is null) as indexed`,
      [quoteIdentifier(source.schema, source.table), parent?.column],
    ),
  );
  return found.rows[0]?.indexed ?? false;
}
