import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';

const timeoutMillis = 150_000;
let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(6000);
  engine = await Engine.start({ ...databases, apart: ['worker-control', 'worker-bulk'] });
}, timeoutMillis);
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

test('a pause and a rollback that arrive before the loss of a killed worker is noticed are carried out', {
  timeout: timeoutMillis,
}, async () => {
  await killedInTheCopy('paused');
  await engine.steer('paused', 'pause');
  await engine.waitFor('paused', 'paused', (view) => view.status === 'paused');
  engine.startProgram('worker-bulk-1');
  await engine.steer('paused', 'resume');
  const rested = await engine.waitFor('paused', 'verified', (view) => view.status === 'waiting');
  expect(rested).toMatchObject({ stage: 'verified', error: null });
  await expectRejectsAsForetold(databases, 'paused');
  await expectTargetEqualsSource(databases);
  await engine.steer('paused', 'rollback');
  await engine.waitFor('paused', 'rolled back', (view) => view.status === 'rolled_back');

  await killedInTheCopy('undone');
  await engine.steer('undone', 'rollback');
  engine.startProgram('worker-bulk-1');
  await engine.waitFor('undone', 'rolled back', (view) => view.status === 'rolled_back');
  expect((await databases.cube.query('select id from saju.charts limit 1')).rows).toEqual([]);
});

async function killedInTheCopy(id: string): Promise<void> {
  await engine.startMigration(id, { batch_rows: 100, reject_limit_percent: 5, rows_per_second: 800 });
  await engine.waitFor(id, 'in the middle of its copy', (view) => view.progress.migrated > 500);
  await engine.kill('worker-bulk-1');
}
