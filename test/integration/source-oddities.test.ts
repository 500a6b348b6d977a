import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';

let databases: TestDatabases;
let engine: Engine;
let runs = 0;

beforeAll(async () => {
  databases = await createDatabases(2000);
  await databases.legacy.query('create table model as select * from saju_records');
  engine = await Engine.start(databases);
});
afterEach(async () => {
  const id = `odd-${runs}`;
  if ((await engine.view(id)).finished_at === null) await engine.steer(id, 'rollback');
  await engine.waitFor(id, 'ended', ({ finished_at }) => finished_at !== null);
  expect((await databases.cube.query('select from saju.charts')).rowCount).toBe(0);
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

/** Fills legacy with rows of these ids, all good ones. */
async function fillWith(idsQuery: string): Promise<void> {
  await databases.legacy.query(`truncate saju_records;
    insert into saju_records
      select ids.id, user_id, birth_year, birth_month, birth_day, birth_hour, birth_minute, is_solar, is_leap_month,
             year_pillar, month_pillar, day_pillar, hour_pillar, convention, interpretation, created_at, updated_at
        from (${idsQuery}) as ids (id), (select * from model order by id limit 1) as one;
    analyze saju_records`);
}

async function migrate(options: Readonly<Record<string, unknown>> = {}): Promise<MigrationView> {
  runs++;
  await engine.startMigration(`odd-${runs}`, options);
  return engine.waitForRest(`odd-${runs}`);
}

async function expectAll(view: MigrationView, rows: number): Promise<void> {
  expect(view).toMatchObject({
    status: 'waiting',
    stage: 'verified',
    progress: { total: rows, migrated: rows, rejected: 0, verified: rows },
    verification: { status: 'clean', compared: rows },
  });
  await expectTargetEqualsSource({ ...databases, rejected: new Map() });
}

test('batches of one row', async () => {
  const view = await migrate({ batch_rows: 1 });
  expect(view).toMatchObject({ status: 'waiting', progress: { migrated: 1980, rejected: 20 } });
  const batches = await databases.cube.query<{ count: number; most: number }>(
    'select count(*)::int as count, max(migrated + rejected) as most from ledger.batches where migration_id = $1',
    [`odd-${runs}`],
  );
  expect(batches.rows).toEqual([{ count: 2000, most: 1 }]);
  await expectTargetEqualsSource(databases);
});

test('batches of a hundred thousand rows', async () => {
  const view = await migrate({ batch_rows: 100_000 });
  expect(view).toMatchObject({ status: 'waiting', progress: { migrated: 1980, rejected: 20 } });
  await expectTargetEqualsSource(databases);
});

test('batches that close at a kilobyte', async () => {
  const view = await migrate({ batch_bytes: 1024 });
  expect(view).toMatchObject({ status: 'waiting', progress: { migrated: 1980, rejected: 20 } });
  await expectTargetEqualsSource(databases);
});

test('an empty table', async () => {
  await fillWith('select 1::bigint where false');
  await expectAll(await migrate(), 0);
});

test('an empty table that may have no rejects at all', async () => {
  await fillWith('select 1::bigint where false');
  await expectAll(await migrate({ reject_limit_percent: 0 }), 0);
});

test('one row', async () => {
  await fillWith('select 7::bigint');
  await expectAll(await migrate({ batch_rows: 1 }), 1);
});

test('one row that is a reject blocks, and is accepted', async () => {
  await fillWith('select 7::bigint');
  await databases.legacy.query("update saju_records set user_id = ' '");
  const view = await migrate();
  expect(view).toMatchObject({
    status: 'blocked',
    error: { message: '1 rows were rejected, more than the limit of 2 %: user_id_empty 1.' },
  });
  await engine.steer(`odd-${runs}`, 'rejects/accept', { all: true, by: 'kim', why: 'known' });
  const rested = await engine.waitFor(
    `odd-${runs}`,
    'verified',
    ({ stage, status }) => stage === 'verified' && status === 'waiting',
  );
  expect(rested).toMatchObject({ progress: { total: 1, migrated: 0, rejected: 1 }, verification: { compared: 0 } });
});

test('negative ids, zero, and both ends of what an id can be', async () => {
  await fillWith(`select id from generate_series(-500::bigint, 500) as id
    union all values (-9223372036854775807), (-9223372036854775806), (9223372036854775806), (9223372036854775807)`);
  const view = await migrate({ batch_rows: 100 });
  await expectAll(view, 1005);
  // What works on single rows and on what earlier runs left knows the ends too.
  await databases.cube.query(
    "update saju.charts set user_id = 'x' where id > 9223372036854775800 or id < -9223372036854775800",
  );
  await engine.steer(`odd-${runs}`, 'verify');
  await engine.waitFor(`odd-${runs}`, 'blocked', ({ status }) => status === 'blocked');
  await engine.steer(`odd-${runs}`, 'repair');
  await expectAll(
    await engine.waitFor(
      `odd-${runs}`,
      'verified',
      ({ stage, status }) => stage === 'verified' && status === 'waiting',
    ),
    1005,
  );
  await engine.steer(`odd-${runs}`, 'cancel');
  await engine.waitFor(`odd-${runs}`, 'cancelled', ({ status }) => status === 'cancelled');
  await expectAll(await migrate({ batch_rows: 100 }), 1005);
});

test('only the greatest id there can be', async () => {
  await fillWith('values (9223372036854775807)');
  await expectAll(await migrate({ batch_rows: 1 }), 1);
});

test('the least id there can be is refused with a clear sentence, before anything is changed', async () => {
  await fillWith('values (-9223372036854775808), (1)');
  const view = await migrate();
  expect(view).toMatchObject({
    status: 'failed',
    stage: 'preflight',
    error: {
      type: 'legacy_schema_mismatch',
      message:
        'The table public.saju_records of the legacy database has a row with the id -9223372036854775808, which cannot be carried.',
    },
  });
});

test('gaps of millions and of quintillions, and clusters that no even cut of the ids would share out', async () => {
  await fillWith(`select id from generate_series(1::bigint, 1500) as id
    union all select 5000000 + id * 3000000 from generate_series(1::bigint, 300) as id
    union all select 6000000000000000000 + id from generate_series(1::bigint, 1200) as id`);
  await expectAll(await migrate({ batch_rows: 100, lanes: 4 }), 3000);
  const ranges = await databases.cube.query<{ count: number; most: number }>(
    `select count(*)::int as count, max(rows)::int as most from (
       select r.id, (select sum(migrated + rejected) from ledger.batches where range_id = r.id) as rows
         from ledger.ranges r where migration_id = $1) as counted`,
    [`odd-${runs}`],
  );
  // However the ids lie, no range is larger than its share.
  expect(ranges.rows[0]?.count).toBeGreaterThanOrEqual(30);
  expect(ranges.rows[0]?.most).toBeLessThanOrEqual(100);
});

test('a table whose statistics are far off', async () => {
  await fillWith('select id from generate_series(1::bigint, 3000) as id');
  await databases.legacy
    .query("update pg_class set reltuples = 40000000, relpages = 1000000 where relname = 'saju_records'")
    .catch(() => undefined);
  await expectAll(await migrate(), 3000);
});
