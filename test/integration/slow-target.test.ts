import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { holdTable, untilSomebodyWaitsFor } from '../support/held-lock.js';

/** Seconds the look at the whole target takes here: longer than a short step may, shorter than one that tells nothing. */
const lookSeconds = 17;
let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(300);
  engine = await Engine.start({ ...databases, apart: ['worker-control', 'worker-bulk'] });
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

test('a preflight that looks at its target for longer than a short step may take ends all the same', async () => {
  await engine.startMigration('first');
  await engine.waitFor('first', 'verified', ({ status }) => status === 'waiting');
  await engine.steer('first', 'cancel');
  await engine.waitFor('first', 'cancelled', ({ status }) => status === 'cancelled');
  // As a disk does that is slow: whatever looks at the rows takes so long.
  const release = await holdTable(databases.cube, 'saju.charts');
  await engine.startMigration('second');
  await untilSomebodyWaitsFor(databases.cube, 'saju.charts');
  await sleep(lookSeconds * 1000);
  expect(await engine.view('second')).toMatchObject({ status: 'running', stage: 'preflight' });
  await release();
  await engine.waitFor('second', 'beyond its preflight', ({ stage }) => stage !== 'preflight', 90_000);
  expect(await engine.view('second')).not.toMatchObject({ status: 'failed' });
  expect(engine.logOf('worker-control')).not.toContain('step_stalled');
}, 120_000);
