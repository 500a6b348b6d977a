import { afterAll, beforeAll, expect, test } from 'vitest';
import { knownLedgerVersion } from '../../src/postgres/ledger/schema.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';

const records = 6000;
let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(records);
  engine = await Engine.start({ ...databases, apart: ['worker-control', 'worker-bulk'] });
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

const laterVersion = '9999_of-a-later-program';

test('a worker waits with a clear word while the ledger is newer than it, and goes on when it no longer is', async () => {
  await engine.startMigration('waiting', { rows_per_second: 2000, batch_rows: 100 });
  await engine.waitFor('waiting', 'copying', ({ progress }) => progress.migrated > 0);
  await databases.cube.query('insert into ledger.schema_versions (name, run_on) values ($1, now())', [laterVersion]);
  const sentence = `The ledger is at version 9999, this program knows it up to version ${knownLedgerVersion()}.`;
  await until('the worker to say why it waits', () => engine.logOf('worker-bulk-1').includes(sentence));
  const unfinished = await engine.view('waiting');
  expect(unfinished).toMatchObject({ status: 'running', stage: 'copying' });
  expect(unfinished.progress.migrated).toBeLessThan(records - records / 100);

  // One that starts now does not touch the ledger either, and waits with the same word.
  await engine.kill('worker-control', 'SIGTERM');
  const before = engine.logOf('worker-control').length;
  engine.startProgram('worker-control');
  await until('a worker that starts to say so too', () =>
    engine.logOf('worker-control').slice(before).includes(sentence),
  );
  expect(engine.isAlive('worker-control')).toBe(true);

  await databases.cube.query('delete from ledger.schema_versions where name = $1', [laterVersion]);
  const rested = await engine.waitForRest('waiting', 90_000);
  expect(rested).toMatchObject({ status: 'waiting', stage: 'verified', verification: { status: 'clean' } });
  await expectTargetEqualsSource(databases);
}, 120_000);

test('a completed run is final: nothing steers it any more and its rows stay', async () => {
  await engine.complete('waiting');
  const view = await engine.waitFor('waiting', 'completed', ({ status }) => status === 'completed');
  expect(view).toMatchObject({ stage: 'done', actions: [], error: null });
  for (const action of ['rollback', 'cancel', 'verify', 'complete']) {
    const refused = await engine.call('POST', `/v1/migrations/waiting/${action}`);
    expect(refused.status).toBe(409);
  }
  const states = await databases.cube.query('select distinct state from ledger.batches');
  expect(states.rows).toEqual([{ state: 'final' }]);
});

test('a later run of the kind is refused with a sentence that says why, and leaves the rows as they are', async () => {
  const before = await databases.cube.query(
    'select md5(string_agg(charts::text, $$,$$ order by id)) as all from saju.charts',
  );
  await engine.startMigration('later');
  const view = await engine.waitForRest('later');
  expect(view).toMatchObject({
    status: 'failed',
    stage: 'preflight',
    actions: [],
    error: {
      type: 'target_occupied',
      message:
        'The table saju.charts of the cube database holds the rows of the completed migration waiting: they are final.',
    },
  });
  const after = await databases.cube.query(
    'select md5(string_agg(charts::text, $$,$$ order by id)) as all from saju.charts',
  );
  expect(after.rows).toEqual(before.rows);
});

test('the ledger alone says of each row when it was moved and by which run and worker', async () => {
  const told = await databases.cube.query<{ rows: number; told: number; runs: string[]; timely: boolean }>(
    `select count(*)::int as rows, count(b.id)::int as told, array_agg(distinct b.migration_id) as runs,
            bool_and(b.committed_at >= m.started_at and b.committed_at <= m.finished_at and b.worker ~ '^.+/[0-9]+$'
                     and c.migrated_at between m.started_at and b.committed_at) as timely
       from saju.charts c
       left join ledger.batches b on c.id > b.after and c.id <= b.upto and b.ids @> c.id and b.migrated > 0
       left join ledger.migrations m on m.id = b.migration_id`,
  );
  const rows = records - records / 100;
  expect(told.rows).toEqual([{ rows, told: rows, runs: ['waiting'], timely: true }]);
  const sums = await databases.cube.query(
    `select sum(migrated)::int as migrated, sum(rejected)::int as rejected, max(migrated + rejected) <= 100 as small
       from ledger.batches where migration_id = 'waiting'`,
  );
  expect(sums.rows).toEqual([{ migrated: rows, rejected: records / 100, small: true }]);
  const events = await databases.cube.query<{ what: string; by: string }>(
    `select what, by from ledger.events where migration_id = 'waiting' and what <> 'step' order by id`,
  );
  expect(events.rows).toEqual([
    { what: 'rest', by: 'engine' },
    { what: 'rejects/accept', by: 'test' },
    { what: 'rest', by: 'engine' },
    { what: 'complete', by: 'test' },
    { what: 'complete', by: 'engine' },
  ]);
});
