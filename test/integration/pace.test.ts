import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';

let databases: TestDatabases;
let engine: Engine;
let started = '';

beforeAll(async () => {
  databases = await createDatabases(8000);
  engine = await Engine.start({ ...databases, bulkWorkers: 2, apart: ['worker-bulk'] });
});
afterEach(async () => {
  if ((await engine.view(started)).finished_at === null) await rollBack();
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

async function rollBack(): Promise<void> {
  await engine.steer(started, 'rollback');
  await engine.waitFor(started, 'rolled back', ({ status }) => status === 'rolled_back');
}

async function copyTime(id: string, options: Readonly<Record<string, unknown>>): Promise<number> {
  started = id;
  await engine.startMigration(id, options);
  await engine.waitFor(id, 'verified', ({ stage, status }) => stage === 'verified' && status === 'waiting', 110_000);
  await expectTargetEqualsSource(databases);
  const span = await databases.cube.query<{ seconds: number }>(
    `select extract(epoch from (select max(committed_at) from ledger.batches where migration_id = $1)
                             - (select min(at) from ledger.events where migration_id = $1 and detail ->> 'stage' = 'copying'))::float8 as seconds`,
    [id],
  );
  return span.rows[0]?.seconds ?? Number.NaN;
}

test('two bulk workers share the lanes of a run, and each row is moved by one of them', async () => {
  // More lanes than one worker has places for.
  await copyTime('shared', { lanes: 8, rows_per_second: 4000, batch_rows: 100 });
  const shares = await databases.cube.query<{ worker: string; rows: number }>(
    `select worker, sum(migrated + rejected)::int as rows from ledger.batches where migration_id = 'shared' group by worker`,
  );
  expect(shares.rows.length).toBe(2);
  for (const { rows } of shares.rows) expect(rows).toBeGreaterThan(500);
  expect(shares.rows.reduce((sum, { rows }) => sum + rows, 0)).toBe(8000);
});

test('a limit of rows a second holds within a quarter, over all lanes', async () => {
  const seconds = await copyTime('limited', { lanes: 4, rows_per_second: 1000, batch_rows: 100 });
  const rate = 8000 / seconds;
  expect(rate).toBeLessThan(1250);
  expect(rate).toBeGreaterThan(750);
});

test('a legacy database that answers slowly slows the copy down, and a quick one does not', async () => {
  const pace = { lanes: 1, rows_per_second: 2000, batch_rows: 100 };
  const quick = await copyTime('quick', { ...pace, legacy_latency_limit_ms: 5000 });
  await rollBack();
  try {
    started = 'slow';
    const begun = performance.now();
    await engine.startMigration('slow', { ...pace, legacy_latency_limit_ms: 100 });
    await engine.waitFor('slow', 'copying', ({ stage }) => stage === 'copying');
    // The first row takes its time, as it does behind a million dead ones: what the probe reads is really slow.
    await databases.legacy.query(`
      alter table saju_records rename to saju_rows;
      create function slow(id bigint, first bigint) returns boolean language plpgsql volatile cost 1000 as
        $$ begin if id = first then perform pg_sleep(0.2); end if; return true; end $$;
      create view saju_records as select * from saju_rows where slow(id, (select min(id) from saju_rows))`);
    const late = () => performance.now() - begun > quick * 1500;
    const view = await engine.waitFor('slow', 'late or done', ({ stage }) => stage === 'verified' || late(), 110_000);
    expect(view).toMatchObject({ status: 'running', stage: 'copying' });
    await rollBack();
  } finally {
    await databases.legacy.query(
      'drop view saju_records; drop function slow; alter table saju_rows rename to saju_records',
    );
  }
}, 180_000);
