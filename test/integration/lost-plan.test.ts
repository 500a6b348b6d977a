import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordRunState } from '../../src/postgres/ledger/run-state.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';

let databases: TestDatabases;
let engine: Engine;
let temporal: Connection;

beforeAll(async () => {
  databases = await createDatabases(12_000);
  engine = await Engine.start(databases);
  temporal = await Connection.connect({ address: engine.temporalAddress });
});
afterAll(async () => {
  await temporal.close();
  await engine.stop();
  await databases.drop();
});

/** Starts a slow copy and waits until it has moved something. */
async function startSlowly(id: string): Promise<void> {
  await engine.startMigration(id, { rows_per_second: 4000, batch_rows: 200 });
  await engine.waitFor(id, 'copying', (view) => view.progress.migrated > 1000);
}

async function terminate(id: string): Promise<void> {
  await temporal.workflowService.terminateWorkflowExecution({
    namespace: engine.namespace,
    workflowExecution: { workflowId: `saju-records/${id}` },
    reason: 'test',
  });
}

test('a run whose plan was terminated says so, and resume goes on from the ledger', async () => {
  await startSlowly('lost');
  await terminate('lost');
  const refused = await engine.call('POST', '/v1/migrations/lost/verify');
  expect(refused).toMatchObject({ status: 409, body: { actions: ['resume', 'cancel', 'rollback'] } });
  const before = await engine.view('lost');
  await engine.steer('lost', 'resume');
  const rested = await engine.waitFor('lost', 'verified', (view) => view.stage === 'verified');
  expect(rested).toMatchObject({ status: 'waiting', progress: { migrated: 11_880, rejected: 120 } });
  expect(rested.run_id).not.toBe(before.run_id);
  await expectTargetEqualsSource(databases);
});

test('a run whose plan Temporal has forgotten can be rolled back', async () => {
  await terminate('lost');
  await temporal.workflowService.deleteWorkflowExecution({
    namespace: engine.namespace,
    workflowExecution: { workflowId: 'saju-records/lost' },
  });
  await engine.steer('lost', 'rollback');
  await engine.waitFor('lost', 'rolled back', (view) => view.status === 'rolled_back');
  const left = await databases.cube.query('select 1 from saju.charts limit 1');
  expect(left.rowCount).toBe(0);
});

test('a rollback whose plan was terminated can only be rolled back, and is', async () => {
  await startSlowly('half-back');
  await databases.cube.query(`update ledger.migrations set stage = 'rolling_back' where id = 'half-back'`);
  await terminate('half-back');
  const refused = await engine.call('POST', '/v1/migrations/half-back/resume');
  expect(refused).toMatchObject({ status: 409, body: { actions: ['rollback'] } });
  await engine.steer('half-back', 'rollback');
  await engine.waitFor('half-back', 'rolled back', (view) => view.status === 'rolled_back');
});

test('a run that ended while a request was under way stays ended', async () => {
  await engine.startMigration('ended');
  await engine.waitForRest('ended');
  await engine.steer('ended', 'cancel');
  await engine.waitFor('ended', 'cancelled', (view) => view.status === 'cancelled');
  // What a request that read the run a moment before its end meets: an open run on record, and no plan.
  const again = await engine.call('POST', '/v1/migrations/ended/rollback');
  expect(again).toMatchObject({ status: 409, body: { type: 'not_at_this_stage', actions: [] } });
  await recordRunState(databases.cube, 'ended', {
    sequence: 10_000,
    stage: 'preflight',
    status: 'running',
    runId: 'late',
    what: 'step',
    by: 'test',
  });
  expect(await engine.view('ended')).toMatchObject({ status: 'cancelled', stage: 'done' });
});
