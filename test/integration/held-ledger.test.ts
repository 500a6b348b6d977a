import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { holdTable, untilSomebodyWaitsFor } from '../support/held-lock.js';

let databases: TestDatabases;
let engine: Engine;
let release: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  databases = await createDatabases(500);
  engine = await Engine.start(databases);
});
afterAll(async () => {
  await release();
  await engine.stop();
  await databases.drop();
});

test('a ledger that another session holds is named by the run that waits for it, and no statement of it is left waiting', async () => {
  release = await holdTable(databases.cube, 'ledger.ranges');
  await engine.startMigration('one');
  await untilSomebodyWaitsFor(databases.cube, 'ledger.ranges');
  const held = await engine.waitFor('one', 'named as held up', ({ error }) => error !== null, 50_000);
  expect(held).toMatchObject({
    status: 'running',
    stage: 'copying',
    error: { type: 'step_stalled', hint: expect.stringContaining('pg_blocking_pids') },
  });
  const waiting = await databases.cube.query(
    "select from pg_locks where relation = 'ledger.ranges'::regclass and not granted",
  );
  expect(waiting.rowCount).toBeLessThanOrEqual(1);
  await release();
  release = async () => undefined;
  expect(
    await engine.waitFor('one', 'verified', ({ stage, status }) => stage === 'verified' && status === 'waiting'),
  ).toMatchObject({
    error: null,
  });
  await expectTargetEqualsSource(databases);
});
