import { afterAll, beforeAll, expect, test } from 'vitest';
import { failing } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.start();
});
afterAll(() => server.stop());

test('an undo is tried again after failures that pass', async () => {
  const run = await server.begin('undo-retried', (ledger) =>
    ledger.next('removeMovedRows', failing('cube_unreachable'), failing('claim_lost'), failing('disk_full')),
  );
  await run.ledger.untilState('waiting', 'verified');
  await run.steer('rollback');
  expect(await run.end()).toBe('rolled_back');
  expect(run.ledger.count('removeMovedRows')).toBe(4);
});

test('an undo that fails for good ends the run as failed and lists what is left', async () => {
  const run = await server.begin('undo-denied', (ledger) =>
    ledger.answer('removeMovedRows', failing('permission_denied')),
  );
  await run.ledger.untilState('waiting', 'verified');
  await run.steer('rollback');
  expect(await run.end()).toBe('failed');
  expect(run.ledger.state).toMatchObject({
    stage: 'rolling_back',
    status: 'failed',
    error: { type: 'undo_incomplete', message: 'Not undone: removeMovedRows (A sentence about permission_denied.)' },
  });
});

test('an undo that a database away keeps from finishing is given up after a day, with the reason', async () => {
  const run = await server.begin('undo-away', (ledger) =>
    ledger.answer('removeMovedRows', failing('cube_unreachable')),
  );
  await run.ledger.untilState('waiting', 'verified');
  const start = await server.environment.currentTimeMs();
  await run.steer('rollback');
  expect(await run.end()).toBe('failed');
  expect(run.ledger.state?.error?.message).toContain('removeMovedRows (A sentence about cube_unreachable.)');
  expect((await server.environment.currentTimeMs()) - start).toBeGreaterThanOrEqual(23 * 60 * 60 * 1000);
});
