import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';

let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(5000);
  engine = await Engine.start(databases);
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

test('rows that a repair moved ahead of a blocked copy are taken over by it, and none is refused', async () => {
  await engine.startMigration('ahead', { reject_limit_percent: 0.2, lanes: 1, batch_rows: 100 });
  const blocked = await engine.waitFor('ahead', 'blocked', (view) => view.status === 'blocked');
  expect(blocked.progress.migrated).toBeLessThan(4000);
  await engine.steer('ahead', 'verify');
  await engine.waitFor(
    'ahead',
    'compared',
    (view) => view.status === 'blocked' && view.verification.status === 'mismatch',
  );
  await engine.steer('ahead', 'repair');
  await engine.waitFor('ahead', 'repaired', (view) => view.status === 'blocked' && view.progress.migrated === 4950);
  for (let times = 0; times < 20; times++) {
    const view = await engine.waitForRest('ahead');
    if (view.status !== 'blocked') break;
    expect(view.error?.type).toBe('too_many_rejects');
    await engine.steer('ahead', 'rejects/accept', { all: true, by: 'kim', why: 'old test data' });
  }
  expect(await engine.view('ahead')).toMatchObject({ stage: 'verified', progress: { migrated: 4950, rejected: 50 } });
  await expectRejectsAsForetold(databases, 'ahead');
  await expectTargetEqualsSource(databases);
});
