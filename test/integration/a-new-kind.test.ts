import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NewKindStack } from '../support/new-kind-stack.js';

/**
 * How a kind is added, proved on a copy of the source tree: its folder, a line in the catalogue, a line in the registry, one numbered
 * migration. `talismans` has two related tables and an artifact an item; it is moved, damaged, repaired and rolled back on real servers.
 * So is a cube: another line in the catalogue, its routes, a program, and the stand-in of the monolith's service.
 */
const limit = 300_000;
let stack: NewKindStack;

beforeAll(async () => {
  stack = await NewKindStack.start(60, { typeChecked: true });
}, limit);
afterAll(() => stack?.stop(), limit);

test('the cube of a new kind is started, reached and checked by its line in the catalogue alone', async () => {
  const { env } = stack;
  expect(env).toMatchObject({
    TALISMAN_CUBE_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    LEGACY_TALISMAN_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    TALISMAN_CUBE_LEGACY_URL: expect.stringMatching(/^postgres:\/\/talisman_cube:[\w-]+@127\.0\.0\.1:\d+\/heal7$/),
  });
  const processes = JSON.parse((await stack.cubeshift('ps', '--json')).stdout) as { name: string; state: string }[];
  const ready = processes.filter(({ state }) => state === 'ready').map(({ name }) => name);
  expect(ready).toEqual(expect.arrayContaining(['legacy-saju', 'legacy-talisman']));
  expect(ready.filter((name) => name.startsWith('talisman-cube'))).toHaveLength(1);

  const health = await fetch(`${env.TALISMAN_CUBE_URL}/health`).then((answer) => answer.json());
  expect(health).toMatchObject({ dependencies: { legacy_database: 'ok', cube_database: 'ok' } });
  const served = await fetch(`${env.GATEWAY_URL}/api/talisman/talismans/1`);
  expect([served.headers.get('x-cube-target'), await served.json()]).toEqual(['legacy', { service: 'talisman' }]);

  // The kind's own cube, with rights on legacy's tables of its kinds.
  const own = new pg.Client({ connectionString: env.CRAWLER_CUBE_LEGACY_URL });
  await own.connect();
  try {
    await own.query('update talisman_orders set buyer = buyer where id = 1');
    await expect(own.query('select from saju_records limit 1')).rejects.toMatchObject({ code: '42501' });
  } finally {
    await own.end();
  }

  const check = async (own: string | undefined) => {
    const named = { LEGACY_DATABASE_URL: env.LEGACY_DATABASE_URL, LEGACY_CRAWLER_URL: env.LEGACY_CRAWLER_URL };
    const found = await stack.check({ ...named, CRAWLER_CUBE_LEGACY_URL: own });
    return found.filter(({ name }) => name.includes('CRAWLER')).map(({ name, ok }) => `${name} ${ok}`);
  };
  const service = 'LEGACY_CRAWLER_URL true';
  expect(await check(env.CRAWLER_CUBE_LEGACY_URL)).toEqual(['CRAWLER_CUBE_LEGACY_URL true', service]);
  expect(await check(env.SAJU_CUBE_LEGACY_URL)).toEqual(['CRAWLER_CUBE_LEGACY_URL false', service]);
  expect(await check(undefined)).toEqual(['CRAWLER_CUBE_LEGACY_URL null', service]);
});

test('a new kind is moved, found damaged, repaired and rolled back', { timeout: limit }, async () => {
  const moved = await stack.rest('start', 'talismans', '--id', 'first');
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
  await stack.cube.query("update crawler.talismans set name = 'other' where id = 20");
  await stack.cube.query('delete from crawler.talisman_orders where talisman_id = 21');
  await stack.cube.query("update crawler.drawings set svg = '<svg>smudged</svg>' where talisman_id = 22");
  await stack.cube.query('delete from crawler.drawings where talisman_id = 23');
  const damaged = await stack.rest('verify', 'first');
  expect(damaged).toMatchObject({ status: 'blocked', verification: { status: 'mismatch' } });
  const found = damaged.verification.mismatches.map(({ table, id, field }) => `${table} ${id} ${field}`);
  expect(found).toEqual(expect.arrayContaining(['talismans 20 name', 'talismans 22 drawing', 'talismans 23 drawing']));
  expect(found.filter((one) => one.startsWith('talisman_orders '))).toHaveLength(3);

  const repaired = await stack.rest('repair', 'first');
  expect(repaired).toMatchObject({ status: 'waiting', verification: { status: 'clean' } });
  expect(await counts()).toEqual({ talismans: 55, orders: 165, drawings: 55, published: 55 });

  // Mended in legacy, a reject is moved with its children and its artifact.
  await stack.legacy.query("update talismans set drawing = '<svg>mended</svg>' where id = 11");
  expect(await stack.rest('rejects', 'first', '--retry')).toMatchObject({
    status: 'waiting',
    verification: { status: 'clean' },
  });
  expect(await counts()).toEqual({ talismans: 56, orders: 168, drawings: 56, published: 56 });

  const rolledBack = await stack.rest('rollback', 'first');
  expect(rolledBack).toMatchObject({ status: 'rolled_back' });
  expect(await counts()).toEqual({ talismans: 0, orders: 0, drawings: 0, published: 0 });
  const states = await stack.cube.query("select distinct state from ledger.items where kind = 'talismans'");
  expect(states.rows).toEqual([{ state: 'undone' }]);
});

test('a new kind has its own part of the hand-over and of the report', { timeout: limit }, async () => {
  await stack.rest('start', 'talismans', '--id', 'second');
  expect(await stack.rest('rejects', 'second', '--accept', '--by', 'test', '--why', 'torn')).toMatchObject({
    status: 'waiting',
  });
  const { report } = JSON.parse((await stack.cubeshift('migrate', 'report', 'second')).stdout);
  expect(report.evidence.section).toMatchObject({
    tables: [{ table: 'talismans', target: 'crawler.talismans', compared_fields: 3 }, {}],
    drawings: { stored: 56, published: 56 },
  });
  expect(await stack.rest('complete', 'second')).toMatchObject({ status: 'completed' });
  const accepted = await stack.cube.query('select count(accepted_at)::int as accepted from crawler.drawings');
  expect(accepted.rows).toEqual([{ accepted: 56 }]);
  // Two steps of each; those of unfit items were undone.
  const handedOver = await stack.cube.query(`
    select (select array_agg(distinct state) from ledger.batches where migration_id = 'second') as rows,
           (select count(*)::int from ledger.items where state = 'final') as steps`);
  expect(handedOver.rows).toEqual([{ rows: ['final'], steps: 112 }]);
});

async function counts(): Promise<Readonly<Record<string, number>>> {
  const found = await stack.cube.query<{ [name: string]: number }>(`
    select (select count(*) from crawler.talismans)::int as talismans,
           (select count(*) from crawler.talisman_orders)::int as orders,
           (select count(*) from crawler.drawings)::int as drawings,
           (select count(published_at) from crawler.drawings)::int as published`);
  return found.rows[0] ?? {};
}

async function rejects(): Promise<readonly string[]> {
  const found = await stack.cube.query<{ line: string }>(`
    select concat_ws(' ', source_id, reason,
             (select count(*) from ledger.withheld as child
               where child.reject_table = parent.table_name and child.reject_id = parent.source_id)) as line
      from ledger.rejects as parent where resolution = 'open' order by source_id`);
  return found.rows.map(({ line }) => line);
}
