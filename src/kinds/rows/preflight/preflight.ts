import { Failure } from '../../../base/failures.js';
import { minKey } from '../../../domain/migration/key-range.js';
import type { TableRule } from '../../../domain/migration/table-rule.js';
import type { Side } from '../../../domain/side.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { atSide, type Databases, dropConnection } from '../../../postgres/databases.js';
import { completedRun } from '../../../postgres/ledger/moved-rows.js';
import { readStart } from '../../../postgres/ledger/runs.js';
import { checkLedgerVersion } from '../../../postgres/ledger/schema.js';
import type { Estimate } from '../../kind.js';
import type { RowMapping, RowTables } from '../row-mapping.js';
import { isOccupied, type ScanProgress } from '../target-occupancy.js';
import { checkGrants, type Queryable } from './grants.js';
import { proveKey } from './key-proof.js';
import { checkUnbound, recordMissingIndexes } from './relations.js';
import { checkUnfiltered } from './row-filter.js';
import { isSameDatabase } from './same-database.js';
import { estimateRows } from './source-estimate.js';
import { checkUnmapped } from './unmapped-columns.js';

/**
 * Everything that can be found wrong before anything is changed, and what the run has before it. Columns of other tables than
 * the main one are named with their table.
 */
export async function preflightTables(
  databases: Databases,
  tables: RowTables,
  migrationId: string,
  scan: ScanProgress,
): Promise<Estimate> {
  await checkDatabases(databases, tables, scan);
  const { options } = await atSide('cube', () => readStart(databases.cube, migrationId));
  const estimate = { rows: 0, unmapped: [] as string[] };
  for (const [place, { source }] of tables.entries()) {
    const unmapped = await checkUnmapped(databases.legacy, source, options.unmapped_columns);
    estimate.unmapped.push(...unmapped.map((name) => (place === 0 ? name : `${source.table}.${name}`)));
    estimate.rows += await estimateRows(databases.legacy, source);
  }
  await recordMissingIndexes(databases, tables, migrationId);
  return estimate;
}

/**
 * Looks before anything is changed: both databases reachable, apart, in UTF-8, with the tables, columns, types and
 * rights that the move needs, and a target that holds nothing but what earlier runs put there.
 * Throws a failure that names the first thing wrong.
 */
export async function checkDatabases(databases: Databases, tables: RowTables, scan: ScanProgress): Promise<void> {
  // A connection that cannot be had is explained here; later it would only be lost.
  await Promise.all([databases.checkReachable('legacy'), databases.checkReachable('cube')]);
  await atSide('cube', () => checkLedgerVersion(databases.cube));
  await checkApart(databases);
  for (const mapping of tables) await atSide('legacy', () => checkSource(databases.legacy, mapping));
  for (const { source } of tables) await checkMinKey(databases, source);
  for (const mapping of tables) await atSide('cube', () => checkTarget(databases.cube, mapping));
  await atSide('cube', () => checkUnbound(databases.cube, tables));
  for (const mapping of tables) await checkUnoccupied(databases, mapping, scan);
}

async function checkUnoccupied(databases: Databases, mapping: RowMapping, scan: ScanProgress): Promise<void> {
  if (await isOccupied(databases, mapping, scan)) {
    const completed = await atSide('cube', () => completedRun(databases.cube, mapping.kind));
    if (completed !== undefined) {
      throw new Failure(
        'target_occupied',
        `The table ${nameOf(mapping.target)} of the cube database holds the rows of the completed migration ${completed}: they are final.`,
      );
    }
    throw new Failure(
      'target_occupied',
      `The table ${nameOf(mapping.target)} of the cube database already holds rows that no migration of this ledger put there.`,
    );
  }
}

/** Throws what keeps the connected role from reading a kind's rows in legacy. */
export async function checkSource(client: Queryable, { source }: RowMapping): Promise<void> {
  await checkSide(client, 'legacy', source, ['select']);
}

/** Throws what keeps the connected role from putting a kind's rows into the cube database, and taking them back. */
export async function checkTarget(client: Queryable, { target }: RowMapping): Promise<void> {
  await checkSide(client, 'cube', target, ['select', 'insert', 'delete']);
}

async function checkSide(client: Queryable, side: Side, table: TableRule, rights: readonly string[]): Promise<void> {
  await checkEncoding(client, side);
  // First: a schema that may not be used hides what is in it.
  await checkGrants(client, side, table, rights);
  await checkUnfiltered(client, side, table);
  await checkColumns(client, side, table);
  await proveKey(client, side, table);
}

async function checkApart(databases: Databases): Promise<void> {
  const holder = await databases.connect('cube', 'cubeshift preflight');
  try {
    if (!(await atSide('legacy', () => isSameDatabase(holder, databases.legacy)))) return;
  } finally {
    await dropConnection(holder);
  }
  throw new Failure('configuration_invalid', 'LEGACY_DATABASE_URL and CUBE_DATABASE_URL name the same database.', {
    hint: 'Give the cubes a database of their own.',
  });
}

/** Ranges begin behind an id, and nothing comes before the smallest one: a row there would silently stay behind. */
async function checkMinKey(databases: Databases, table: TableRule): Promise<void> {
  const key = quoteIdentifier(table.key);
  const found = await atSide('legacy', () =>
    databases.legacy.query(
      `select from ${quoteIdentifier(table.schema, table.table)} where ${key} = '${minKey}'::bigint limit 1`,
    ),
  );
  if (found.rowCount === 0) return;
  throw new Failure(
    'legacy_schema_mismatch',
    `The table ${nameOf(table)} of the legacy database has a row with the ${table.key} ${minKey}, which cannot be carried.`,
    { hint: 'Give that row another id, or delete it.' },
  );
}

async function checkEncoding(client: Queryable, side: Side): Promise<void> {
  const found = await client.query<{ encoding: string }>(
    'select pg_encoding_to_char(encoding) as encoding from pg_database where datname = current_database()',
  );
  const encoding = found.rows[0]?.encoding;
  if (encoding !== 'UTF8') {
    throw new Failure(
      'encoding_unsupported',
      `The ${side} database is encoded in ${encoding ?? 'something unknown'}, not in UTF8.`,
    );
  }
}

async function checkColumns(client: Queryable, side: Side, table: TableRule): Promise<void> {
  const type = side === 'legacy' ? 'legacy_schema_mismatch' : 'cube_schema_mismatch';
  const found = await client.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, null) as type from pg_attribute
      where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
    [quoteIdentifier(table.schema, table.table)],
  );
  if (found.rows.length === 0) throw new Failure(type, `The ${side} database has no table ${nameOf(table)}.`);
  const types = new Map(found.rows.map((column) => [column.name, column.type]));
  const problems = table.columns.flatMap((column) => {
    const actual = types.get(column.name);
    if (actual === undefined) return [`column ${column.name} is missing`];
    return column.types.includes(actual)
      ? []
      : [`column ${column.name} is ${actual}, not ${column.types.join(' or ')}`];
  });
  if (problems.length > 0)
    throw new Failure(type, `In table ${nameOf(table)} of the ${side} database ${problems.join(', ')}.`);
}

function nameOf(table: TableRule): string {
  return `${table.schema}.${table.table}`;
}
