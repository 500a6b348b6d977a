import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { holdTable, untilSomebodyWaitsFor } from '../support/held-lock.js';

/** Whatever a run is at, and however long a server keeps it waiting, a pause lets it rest within two seconds. */
let databases: TestDatabases;
let engine: Engine;
let release: () => Promise<void> = async () => undefined;
const id = 'one';
const waits: { readonly step: string; readonly millis: number }[] = [];
let seenPending = 0;

beforeAll(async () => {
  databases = await createDatabases(3000);
  engine = await Engine.start(databases);
});
afterAll(async () => {
  await release();
  await engine.stop();
  await databases.drop();
});

const slowly = { rows_per_second: 1000, batch_rows: 100 };
const verified = (run: string) =>
  engine.waitFor(run, 'verified', ({ stage, status }) => stage === 'verified' && status === 'waiting');

interface Step {
  /** What the run is at when it is paused. */
  readonly step: string;
  readonly side: 'legacy' | 'cube';
  /** What it then waits for. */
  readonly table: string;
  readonly run?: string;
  /** Brings the run to where the table can be taken; nothing where it goes on from the step before. */
  readonly before?: () => Promise<unknown>;
  /** Begins the step, which finds the table taken. */
  readonly begin?: () => Promise<unknown>;
}

const word = (action: string, body?: unknown) => () => engine.steer(id, action, body);
const steps: readonly Step[] = [
  { step: 'preflight', side: 'cube', table: 'saju.charts', begin: () => engine.startMigration(id, slowly) },
  {
    step: 'copy, in legacy',
    side: 'legacy',
    table: 'saju_records',
    before: () => engine.waitFor(id, 'copying', ({ progress }) => progress.migrated > 0),
  },
  { step: 'copy, in the cube', side: 'cube', table: 'saju.charts' },
  { step: 'copy, at the ledger', side: 'cube', table: 'ledger.ranges' },
  {
    step: 'comparison, in legacy',
    side: 'legacy',
    table: 'saju_records',
    before: () => verified(id),
    begin: word('verify'),
  },
  {
    step: 'comparison, in the cube',
    side: 'cube',
    table: 'saju.charts',
    before: () => verified(id),
    begin: word('verify'),
  },
  {
    step: 'comparison, at the ledger',
    side: 'cube',
    table: 'ledger.verified_ranges',
    before: () => verified(id),
    begin: word('verify'),
  },
  { step: 'retry', side: 'legacy', table: 'saju_records', before: () => verified(id), begin: word('rejects/retry') },
  {
    step: 'repair',
    side: 'legacy',
    table: 'saju_records',
    before: async () => {
      await verified(id);
      await databases.cube.query("update saju.charts set user_id = 'x' where id = (select min(id) from saju.charts)");
      await engine.steer(id, 'verify');
      await engine.waitFor(id, 'blocked', ({ status }) => status === 'blocked');
    },
    begin: word('repair'),
  },
  {
    step: 'adoption',
    side: 'legacy',
    table: 'saju_records',
    run: 'next',
    before: async () => {
      await verified(id);
      await engine.steer(id, 'cancel');
      await engine.waitFor(id, 'cancelled', ({ status }) => status === 'cancelled');
      await engine.startMigration('next', { ...slowly, lanes: 1 });
      await engine.waitFor('next', 'copying', ({ stage }) => stage === 'copying');
    },
  },
];

test.each(steps)('$step', async ({ step, side, table, run = id, before, begin }) => {
  const pool = databases[side];
  await before?.();
  release = await holdTable(pool, table);
  await begin?.();
  await untilSomebodyWaitsFor(pool, table);
  const asked = performance.now();
  const answer = engine.steer(run, 'pause');
  let last = await engine.view(run);
  while (last.status !== 'paused') {
    if (last.pending === 'pause') seenPending++;
    last = await engine.view(run);
    if (performance.now() - asked > 10_000) break;
  }
  waits.push({ step, millis: Math.round(performance.now() - asked) });
  await release();
  release = async () => undefined;
  expect(last).toMatchObject({ status: 'paused', pending: null });
  await answer;
  await engine.steer(run, 'resume');
});

test('each of them within two seconds, and the run comes to the same end as one without a pause', async () => {
  await verified('next');
  await expectTargetEqualsSource(databases);
  expect(waits.length).toBe(steps.length);
  expect(waits.filter(({ millis }) => millis > 2000)).toEqual([]);
  // Until then each look tells what was accepted; a look may be too late for a quick one, and none for all of them.
  expect(seenPending).toBeGreaterThan(0);
});
