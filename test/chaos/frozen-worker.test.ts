import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine, type ProgramName } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';
import { expectLedgerAddsUp } from '../support/ledger-sums.js';
import { pendingActivities, underWayOn } from '../support/pending-work.js';

const timeoutMillis = 150_000;
const options = { batch_rows: 100, lanes: 1, reject_limit_percent: 5 };
const workers: readonly ProgramName[] = ['worker-bulk-1', 'worker-bulk-2'];

interface Life {
  readonly databases: TestDatabases;
  readonly engine: Engine;
}
const lives = new Map<string, Life>();

beforeAll(async () => {
  await Promise.all(
    ['copy', 'verify', 'remove'].map(async (name) => {
      const databases = await createDatabases(6000);
      lives.set(name, {
        databases,
        engine: await Engine.start({ ...databases, bulkWorkers: 2, apart: ['worker-control', 'worker-bulk'] }),
      });
    }),
  );
}, timeoutMillis);
afterAll(async () => {
  for (const { databases, engine } of lives.values()) {
    await engine.stop();
    await databases.drop();
  }
});

test.concurrent(
  'a worker frozen in the middle of a copy cannot write once another has taken its range',
  async () => {
    const { databases, engine } = life('copy');
    await engine.startMigration('run', { ...options, rows_per_second: 1500 });
    await engine.waitFor('run', 'in the middle of its copy', (view) => view.progress.migrated > 1000);
    const frozen = await freeze(engine, 'run', 'copyLane');
    await engine.waitFor('run', 'verified by the other worker', (view) => view.status === 'waiting', 90_000);
    await thaw(databases, engine, frozen, 'run');
    await expectAsUndisturbed(databases, 'run');
  },
  timeoutMillis,
);

test.concurrent(
  'a worker frozen while it compares or repairs cannot write once another has taken over',
  async () => {
    const { databases, engine } = life('verify');
    await engine.startMigration('run', options);
    await engine.waitFor('run', 'verified', (view) => view.status === 'waiting');
    const release = await lockTarget(databases);
    await engine.steer('run', 'verify');
    const comparing = await freeze(engine, 'run', 'verifyRows');
    await takenOver(engine, 'run', 'verifyRows', comparing);
    await release();
    await engine.waitFor('run', 'verified by the other worker', (view) => view.status === 'waiting', 90_000);
    await thaw(databases, engine, comparing, 'run');

    await databases.cube.query("update saju.charts set interpretation = 'damaged' where id % 2 = 0");
    await engine.steer('run', 'verify');
    await engine.waitFor('run', 'blocked by its mismatches', (view) => view.error?.type === 'verification_mismatch');
    const letRepair = await lockTarget(databases);
    await engine.steer('run', 'repair');
    const repairing = await freeze(engine, 'run', 'repairRows');
    await letRepair();
    await engine.waitFor('run', 'repaired by the other worker', (view) => view.status === 'waiting', 90_000);
    await thaw(databases, engine, repairing, 'run');
    await expectAsUndisturbed(databases, 'run');
  },
  timeoutMillis,
);

test.concurrent(
  'a worker frozen while it removes cannot take rows of the run that follows',
  async () => {
    const { databases, engine } = life('remove');
    await engine.startMigration('removed', options);
    await engine.waitFor('removed', 'verified', (view) => view.status === 'waiting');
    const release = await lockTarget(databases);
    await engine.steer('removed', 'rollback');
    const frozen = await freeze(engine, 'removed', 'removeMovedRows');
    await release();
    await engine.waitFor('removed', 'rolled back by the other worker', (view) => view.status === 'rolled_back', 90_000);
    await engine.startMigration('next', options);
    await engine.waitFor('next', 'verified', (view) => view.status === 'waiting');
    await thaw(databases, engine, frozen, 'next');
    await expectAsUndisturbed(databases, 'next');
  },
  timeoutMillis,
);

function life(name: string): Life {
  const found = lives.get(name);
  if (found === undefined) throw new Error(`there is no life ${name}`);
  return found;
}

/** Stops the worker that has the activity, in the middle of it, and returns which one that is. */
async function freeze(engine: Engine, id: string, activity: string): Promise<ProgramName> {
  return until(`${activity} to be frozen`, async () => {
    for (const worker of workers) {
      if (!(await underWayOn(engine, id, worker)).includes(activity)) continue;
      engine.program(worker).kill('SIGSTOP');
      // It may have ended between the look and the signal.
      if ((await underWayOn(engine, id, worker)).includes(activity)) return worker;
      engine.program(worker).kill('SIGCONT');
    }
    return undefined;
  });
}

async function takenOver(engine: Engine, id: string, activity: string, from: ProgramName): Promise<void> {
  const other = workers.find((worker) => worker !== from) ?? from;
  await until(`${activity} to be on the other worker`, async () => {
    const pending = await pendingActivities(engine, id);
    return (
      pending.some(({ name, attempt }) => name === activity && attempt > 1) &&
      (await underWayOn(engine, id, other)).includes(activity)
    );
  });
}

/**
 * Lets a frozen worker go on, and stops it in good order: it ends its steps first, so that whatever it still wanted to
 * write it has tried. Nothing that the run had put on record may have changed by it.
 */
async function thaw(databases: TestDatabases, engine: Engine, name: ProgramName, id: string): Promise<void> {
  const before = await onRecord(databases, id);
  engine.program(name).kill('SIGCONT');
  await engine.kill(name, 'SIGTERM');
  expect(await onRecord(databases, id)).toEqual(before);
  engine.startProgram(name);
}

/** Everything that a write to the target or to the run's ledger would change. */
async function onRecord({ cube }: TestDatabases, id: string): Promise<unknown> {
  const found = await cube.query(
    `select (select md5(string_agg(charts::text, ',' order by id)) from saju.charts) as charts,
            (select md5(string_agg(batches::text, ',' order by id)) from ledger.batches) as batches,
            (select md5(string_agg(r::text, ',' order by verification_id, after)) from ledger.verified_ranges r) as compared,
            (select md5(string_agg(r::text, ',' order by id)) from ledger.ranges r) as ranges,
            (select row(status, stage, state_sequence, operation_token)::text from ledger.migrations where id = $1) as run`,
    [id],
  );
  return found.rows[0];
}

async function lockTarget({ cubeUrl }: TestDatabases): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: cubeUrl });
  await client.connect();
  await client.query('begin; lock table saju.charts in access exclusive mode');
  return () => client.end();
}

async function expectAsUndisturbed(databases: TestDatabases, id: string): Promise<void> {
  await expectRejectsAsForetold(databases, id);
  await expectTargetEqualsSource(databases);
  await expectLedgerAddsUp(databases, id);
}
