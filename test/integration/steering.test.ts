import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { holdTable, untilSomebodyWaitsFor } from '../support/held-lock.js';

const records = 4000;
let databases: TestDatabases;
let engine: Engine;
let release: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  databases = await createDatabases(records);
  engine = await Engine.start(databases);
});
afterEach(async () => {
  await release();
  release = async () => undefined;
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

/** Slow enough that a run can be met while it copies. */
const slowly = { rows_per_second: 1500, batch_rows: 100 };
const foreignId = '4000000000000000000';

async function putForeignRows(): Promise<readonly string[]> {
  const hole = await databases.legacy.query<{ id: string }>(
    `select id + 1 as id from saju_records r where not exists (select 1 from saju_records n where n.id = r.id + 1)
      order by id limit 1 offset 20`,
  );
  const ids = [hole.rows[0]?.id ?? '', foreignId];
  for (const id of ids)
    await databases.cube.query(`insert into saju.charts values ($1, 'foreign', '{}', '{}', null, null, now())`, [id]);
  return ids;
}

async function targetIds(): Promise<readonly string[]> {
  const found = await databases.cube.query<{ id: string }>('select id from saju.charts order by id');
  return found.rows.map((row) => row.id);
}

async function removeForeignRows(): Promise<void> {
  await databases.cube.query("delete from saju.charts where user_id = 'foreign'");
}

/** How a run is brought to a stage, and made to stay there. */
const stages: readonly (readonly [stage: string, reach: (id: string) => Promise<unknown>])[] = [
  [
    'copying',
    async (id) => {
      await engine.startMigration(id, slowly);
      await engine.waitFor(id, 'copying', (view) => view.progress.migrated > 200);
    },
  ],
  [
    'paused',
    async (id) => {
      await engine.startMigration(id, slowly);
      await engine.waitFor(id, 'copying', (view) => view.progress.migrated > 200);
      await engine.steer(id, 'pause');
      await engine.waitFor(id, 'paused', (view) => view.status === 'paused');
    },
  ],
  [
    'verifying',
    async (id) => {
      release = await holdTable(databases.cube, 'ledger.verified_ranges');
      await engine.startMigration(id);
      await untilSomebodyWaitsFor(databases.cube, 'ledger.verified_ranges');
      await engine.waitFor(id, 'verifying', (view) => view.stage === 'verifying');
    },
  ],
  [
    'blocked by rejects',
    async (id) => {
      await engine.startMigration(id, { reject_limit_percent: 0 });
      await engine.waitFor(id, 'blocked', (view) => view.error?.type === 'too_many_rejects');
    },
  ],
  [
    'blocked by a mismatch',
    async (id) => {
      await engine.startMigration(id);
      await engine.waitFor(id, 'verified', (view) => view.stage === 'verified' && view.status === 'waiting');
      await databases.cube.query("update saju.charts set user_id = 'x' where id = (select min(id) from saju.charts)");
      await engine.steer(id, 'verify');
      await engine.waitFor(id, 'blocked', (view) => view.error?.type === 'verification_mismatch');
    },
  ],
  [
    'verified',
    async (id) => {
      await engine.startMigration(id);
      await engine.waitFor(id, 'verified', (view) => view.stage === 'verified' && view.status === 'waiting');
    },
  ],
];

describe('a rollback removes exactly what the run put there, and no foreign row, when it comes while', () => {
  test.each(stages)('%s', async (stage, reach) => {
    const id = `back-${stages.findIndex(([name]) => name === stage)}`;
    await reach(id);
    const foreign = await putForeignRows();
    expect((await targetIds()).length).toBeGreaterThan(200);
    await engine.steer(id, 'rollback');
    await release();
    release = async () => undefined;
    const view = await engine.waitFor(id, 'rolled back', ({ status }) => status === 'rolled_back');
    expect(view).toMatchObject({ stage: 'done', actions: [], progress: { migrated: 0 } });
    expect(await targetIds()).toEqual(foreign);
    await removeForeignRows();
  });
});

describe('a cancel keeps rows and ledger, and a rollback of the next run removes them too, when it comes while', () => {
  test.each(stages)('%s', async (stage, reach) => {
    const place = stages.findIndex(([name]) => name === stage);
    const id = `cancel-${place}`;
    await reach(id);
    await engine.steer(id, 'cancel');
    await release();
    release = async () => undefined;
    const view = await engine.waitFor(id, 'cancelled', ({ status }) => status === 'cancelled');
    expect(view).toMatchObject({ stage: 'done', actions: [] });
    const kept = await targetIds();
    expect(kept.length).toBe(view.progress.migrated);
    expect(kept.length).toBeGreaterThan(200);
    const owned = await databases.cube.query<{ sum: string }>(
      `select sum(migrated) from ledger.batches where migration_id = $1 and state = 'owned'`,
      [id],
    );
    expect(Number(owned.rows[0]?.sum)).toBe(kept.length);

    const next = `after-cancel-${place}`;
    await engine.startMigration(next, slowly);
    await engine.waitFor(next, 'at work', (seen) => seen.stage === 'copying');
    const foreign = await putForeignRows();
    await engine.steer(next, 'rollback');
    await engine.waitFor(next, 'rolled back', ({ status }) => status === 'rolled_back');
    expect(await targetIds()).toEqual(foreign);
    await removeForeignRows();
  });
});

test.each(['cancel', 'rollback'])('%s during preflight ends the run before anything was changed', async (action) => {
  release = await holdTable(databases.cube, 'saju.charts');
  await engine.startMigration(`early-${action}`);
  await engine.waitFor(
    `early-${action}`,
    'in preflight',
    ({ stage, run_id }) => stage === 'preflight' && run_id !== null,
  );
  await engine.steer(`early-${action}`, action);
  await release();
  release = async () => undefined;
  const view = await engine.waitFor(`early-${action}`, 'ended', ({ finished_at }) => finished_at !== null);
  expect(view.status).toBe(action === 'cancel' ? 'cancelled' : 'rolled_back');
  expect(await targetIds()).toEqual([]);
});

test('a pause takes effect within two seconds at a commit boundary, and a resume goes on to the same result', async () => {
  await engine.startMigration('paused', { rows_per_second: 1000, batch_rows: 100 });
  const waits: number[] = [];
  for (let turn = 1; turn <= 3; turn++) {
    const before = (await engine.view('paused')).progress.migrated;
    await engine.waitFor('paused', 'copying on', ({ progress }) => progress.migrated > before);
    const asked = performance.now();
    await engine.steer('paused', 'pause');
    const view = await engine.waitFor('paused', 'paused', ({ status }) => status === 'paused');
    waits.push(performance.now() - asked);
    expect(view).toMatchObject({ stage: 'copying', actions: ['resume', 'cancel', 'rollback'] });
    const stopped = await targetIds();
    expect(stopped.length).toBe(view.progress.migrated);
    // Committed means committed: what the ledger's ranges say is what is there, to the row.
    const beyond = await databases.cube.query(
      `select from saju.charts where not exists (
         select 1 from ledger.ranges where migration_id = 'paused' and charts.id > after and charts.id <= position)`,
    );
    expect(beyond.rowCount).toBe(0);
    const still = await databases.cube.query<{ open: number }>(
      `select count(*)::int as open from pg_stat_activity where datname = current_database() and application_name like 'cubeshift claim%'`,
    );
    expect(still.rows[0]?.open).toBe(0);
    expect((await engine.call('POST', '/v1/migrations/paused/pause')).status).toBe(409);
    await engine.steer('paused', 'resume');
  }
  const [, middle] = waits.sort((a, b) => a - b);
  expect(middle).toBeLessThan(2000);
  const view = await engine.waitFor(
    'paused',
    'verified',
    ({ stage, status }) => stage === 'verified' && status === 'waiting',
  );
  expect(view.progress).toMatchObject({ migrated: records - records / 100, rejected: records / 100 });
  await expectTargetEqualsSource(databases);
});

test('a pause while it verifies keeps what was compared, and a refused command names those that are allowed', async () => {
  release = await holdTable(databases.cube, 'ledger.verified_ranges');
  await engine.steer('paused', 'verify');
  await untilSomebodyWaitsFor(databases.cube, 'ledger.verified_ranges');
  const refused = await engine.call('POST', '/v1/migrations/paused/complete');
  expect(refused).toMatchObject({ status: 409, body: { type: expect.stringContaining('not_at_this_stage') } });
  expect(refused.body).toMatchObject({ actions: ['pause', 'cancel', 'rollback'] });
  await engine.steer('paused', 'pause');
  await release();
  release = async () => undefined;
  await engine.waitFor('paused', 'paused', ({ status }) => status === 'paused');
  await engine.steer('paused', 'resume');
  await engine.waitFor('paused', 'verified', ({ stage, status }) => stage === 'verified' && status === 'waiting');
  const running = await until('verifications to be ended', async () => {
    const found = await databases.cube.query<{ status: string }>(
      `select status from ledger.verifications where migration_id = 'paused' order by id`,
    );
    return found.rows.every(({ status }) => status !== 'running') && found.rows;
  });
  expect(running.map(({ status }) => status)).toEqual(['clean', 'clean']);
  await engine.steer('paused', 'rollback');
  await engine.waitFor('paused', 'rolled back', ({ status }) => status === 'rolled_back');
});
