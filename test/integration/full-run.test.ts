import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';

let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(30_000);
  engine = await Engine.start(databases);
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

test('a full run carries every good row, rejects every wrong one with its reason, and completes', async () => {
  await engine.startMigration('full');
  const rested = await engine.waitForRest('full');
  expect(rested).toMatchObject({
    status: 'waiting',
    stage: 'verified',
    error: null,
    progress: { total: 30_000, total_estimated: false, migrated: 29_700, rejected: 300, verified: 29_700 },
    verification: { status: 'clean', compared: 29_700, mismatches: [] },
  });
  await expectRejectsAsForetold(databases, 'full');
  await expectTargetEqualsSource(databases);
  await engine.complete('full');
  const ended = await engine.waitForRest('full');
  expect(ended).toMatchObject({ status: 'completed', stage: 'done', actions: [] });
});
