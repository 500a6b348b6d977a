import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { runCommand, type Said } from '../support/command-line.js';
import { GrownTree } from '../support/grown-tree.js';

/**
 * How a kind is added, proved on a copy of the source tree: its folder, a line in the catalogue, a line in the registry, one numbered
 * migration. `talismans` has two related tables and an artifact an item; it is moved, damaged, repaired and rolled back on real servers.
 */
const parts = join(import.meta.dirname, '..', 'new-kind');
const part = (name: string) => readFileSync(join(parts, name), 'utf8');
const limit = 300_000;

const tree = new GrownTree();
const home = { CUBESHIFT_HOME: join(tree.folder, 'home') };
let legacy: pg.Client;
let cube: pg.Client;

beforeAll(async () => {
  tree.addKindFolder('talismans', join(parts, 'kind'));
  tree.addLine(
    'src/domain/catalog.ts',
    'export const catalog = {',
    `  talismans: ${objectOf(part('catalog-line.ts'))},`,
  );
  tree.addLine(
    'src/kinds/registry.ts',
    "from './saju-records/kind.js'",
    "import { talismans } from './talismans/kind.js';",
  );
  tree.addLine('src/kinds/registry.ts', "'saju-records': sajuRecords,", '  talismans,');
  tree.addMigration('talismans', part('migration.sql'));
  await Promise.all([
    tree.run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'),
    tree.run('scripts/prepare.mjs'),
  ]);
  const { code, stderr } = await cubeshift('up', '--detach', '--records', '50');
  if (code !== 0) throw new Error(stderr);
  const env = JSON.parse((await cubeshift('env', '--json')).stdout) as Record<string, string>;
  legacy = new pg.Client({ connectionString: env.LEGACY_DATABASE_URL });
  cube = new pg.Client({ connectionString: env.CUBE_DATABASE_URL });
  await Promise.all([legacy.connect(), cube.connect()]);
  await legacy.query(part('legacy.sql'));
  await fill();
}, limit);

afterAll(async () => {
  await Promise.all([legacy?.end(), cube?.end()]);
  await cubeshift('down', '--purge');
  tree.remove();
}, limit);

test('a new kind is moved, found damaged, repaired and rolled back', { timeout: limit }, async () => {
  const moved = await rest('start', 'talismans', '--id', 'first');
  expect(moved).toMatchObject({ kind: 'talismans', error: null, status: 'waiting', stage: 'verified' });
  // Two talismans without a name and three with drawings that are none; their orders follow them.
  expect(moved.progress).toMatchObject({ migrated: 55 + 165, rejected: 5 + 15 });
  expect(moved.verification).toMatchObject({ status: 'clean', mismatches: [] });
  expect(await counts()).toEqual({ talismans: 55, orders: 165, drawings: 55, published: 55 });
  expect(await rejects()).toEqual([
    '1 name_empty 3',
    '2 name_empty 3',
    '11 drawing_unreadable 3',
    '12 drawing_unreadable 3',
    '13 drawing_unreadable 3',
  ]);

  // A row, a child and an artifact.
  await cube.query("update paperwork.talismans set name = 'other' where id = 20");
  await cube.query('delete from paperwork.talisman_orders where talisman_id = 21');
  await cube.query("update paperwork.drawings set svg = '<svg>smudged</svg>' where talisman_id = 22");
  await cube.query('delete from paperwork.drawings where talisman_id = 23');
  const damaged = await rest('verify', 'first');
  expect(damaged).toMatchObject({ status: 'blocked', verification: { status: 'mismatch' } });
  const found = damaged.verification.mismatches.map(({ table, id, field }) => `${table} ${id} ${field}`);
  expect(found).toEqual(expect.arrayContaining(['talismans 20 name', 'talismans 22 drawing', 'talismans 23 drawing']));
  expect(found.filter((one) => one.startsWith('talisman_orders '))).toHaveLength(3);

  const repaired = await rest('repair', 'first');
  expect(repaired).toMatchObject({ status: 'waiting', verification: { status: 'clean' } });
  expect(await counts()).toEqual({ talismans: 55, orders: 165, drawings: 55, published: 55 });

  // Mended in legacy, a reject is moved with its children and its artifact.
  await legacy.query("update talismans set drawing = '<svg>mended</svg>' where id = 11");
  expect(await rest('rejects', 'first', '--retry')).toMatchObject({
    status: 'waiting',
    verification: { status: 'clean' },
  });
  expect(await counts()).toEqual({ talismans: 56, orders: 168, drawings: 56, published: 56 });

  const rolledBack = await rest('rollback', 'first');
  expect(rolledBack).toMatchObject({ status: 'rolled_back' });
  expect(await counts()).toEqual({ talismans: 0, orders: 0, drawings: 0, published: 0 });
  const states = await cube.query("select distinct state from ledger.items where kind = 'talismans'");
  expect(states.rows).toEqual([{ state: 'undone' }]);
});

test('a new kind has its own part of the hand-over and of the report', { timeout: limit }, async () => {
  await rest('start', 'talismans', '--id', 'second');
  expect(await rest('rejects', 'second', '--accept', '--by', 'test', '--why', 'torn')).toMatchObject({
    status: 'waiting',
  });
  const { report } = JSON.parse((await cubeshift('migrate', 'report', 'second')).stdout);
  expect(report.evidence.section).toMatchObject({
    tables: [{ table: 'talismans', target: 'paperwork.talismans', compared_fields: 3 }, {}],
    drawings: { stored: 56, published: 56 },
  });
  expect(await rest('complete', 'second')).toMatchObject({ status: 'completed' });
  const accepted = await cube.query('select count(accepted_at)::int as accepted from paperwork.drawings');
  expect(accepted.rows).toEqual([{ accepted: 56 }]);
  const states = await cube.query(`
    select (select array_agg(distinct state) from ledger.batches where migration_id = 'second') as rows,
           (select array_agg(distinct state) from ledger.items where migration_id = 'second') as items`);
  expect(states.rows).toEqual([{ rows: ['final'], items: ['final'] }]);
});

function cubeshift(...args: readonly string[]): Promise<Said> {
  return runCommand(args, home, tree.folder);
}

/** Steers or starts a migration, and returns it once it rests or has ended. */
async function rest(word: string, ...args: readonly string[]): Promise<MigrationView> {
  const { stdout, stderr } = await cubeshift('migrate', word, ...args, '--wait', '--json');
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as MigrationView;
}

/** 60 talismans with three orders each. */
async function fill(): Promise<void> {
  await legacy.query(`
    insert into talismans (name, drawing, created_at)
    select case when n <= 2 then ' ' else 'talisman ' || n end,
           case when n between 11 and 13 then 'torn' else '<svg>' || n || '</svg>' end,
           timestamptz '2020-01-01' + n * interval '1 day'
      from generate_series(1, 60) as n`);
  await legacy.query(`
    insert into talisman_orders (talisman_id, buyer, created_at)
    select id, 'buyer ' || n, now() from talismans cross join generate_series(1, 3) as n`);
}

async function counts(): Promise<Readonly<Record<string, number>>> {
  const found = await cube.query<{ [name: string]: number }>(`
    select (select count(*) from paperwork.talismans)::int as talismans,
           (select count(*) from paperwork.talisman_orders)::int as orders,
           (select count(*) from paperwork.drawings)::int as drawings,
           (select count(published_at) from paperwork.drawings)::int as published`);
  return found.rows[0] ?? {};
}

async function rejects(): Promise<readonly string[]> {
  const found = await cube.query<{ line: string }>(`
    select concat_ws(' ', source_id, reason,
             (select count(*) from ledger.withheld as child
               where child.reject_table = parent.table_name and child.reject_id = parent.source_id)) as line
      from ledger.rejects as parent where resolution = 'open' order by source_id`);
  return found.rows.map(({ line }) => line);
}

/** The text between `= ` and ` as const` of the file that has the catalogue's line. */
function objectOf(text: string): string {
  return text.slice(text.indexOf(' = {') + 3, text.indexOf(' as const'));
}
