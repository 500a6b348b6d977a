import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { type Answer, Engine, type ProgramName } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';
import { expectLedgerAddsUp } from '../support/ledger-sums.js';
import { underWayOn } from '../support/pending-work.js';
import { retriedActivities } from '../support/workflow-history.js';

const timeoutMillis = 150_000;
let databases: TestDatabases;
let engine: Engine;

beforeAll(async () => {
  databases = await createDatabases(12_000);
  engine = await Engine.start({
    ...databases,
    controlWorkers: 2,
    bulkWorkers: 3,
    apart: ['worker-control', 'worker-bulk'],
  });
}, timeoutMillis);
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

const bulk: readonly ProgramName[] = ['worker-bulk-1', 'worker-bulk-2', 'worker-bulk-3'];

test('two starts at once are one run, and it survives one of two control and of three bulk workers being killed', {
  timeout: timeoutMillis,
}, async () => {
  const options = { lanes: 6, batch_rows: 100, reject_limit_percent: 5, rows_per_second: 1500 };
  const starts = await Promise.all([start('run', options), start('run', options)]);
  expect(starts.map(({ status }) => status)).toEqual([202, 202]);
  const workflows = starts.map(({ body }) => (body as { workflow_id: string }).workflow_id);
  expect(workflows).toEqual(['saju-records/run', 'saju-records/run']);
  expect(await start('other', options)).toMatchObject({ status: 409, body: { type: 'conflict' } });

  await engine.waitFor('run', 'in the middle of its copy', (view) => view.progress.migrated > 500);
  const victim = await until('a bulk worker to have a lane', async () => {
    for (const name of bulk) if ((await underWayOn(engine, 'run', name)).length > 0) return name;
    return undefined;
  });
  await Promise.all([engine.kill(victim), engine.kill('worker-control')]);
  await engine.waitFor('run', 'verified', (view) => view.status === 'waiting', 90_000);
  // The lanes of the killed worker were finished by the others.
  expect(await retriedActivities(engine, 'saju-records/run')).toBeGreaterThan(0);
  await expectRejectsAsForetold(databases, 'run');
  await expectTargetEqualsSource(databases);
  await expectLedgerAddsUp(databases, 'run');
  const hands = await databases.cube.query<{ worker: string }>('select distinct worker from ledger.batches');
  expect(hands.rows.length).toBeGreaterThan(1);
});

function start(id: string, options: Readonly<Record<string, unknown>>): Promise<Answer> {
  return engine.call('POST', '/v1/migrations/saju-records', { id, mode: 'copy', options });
}
