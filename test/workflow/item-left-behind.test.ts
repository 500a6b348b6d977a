import { afterAll, beforeAll, expect, test } from 'vitest';
import { addNewKind, bundleWithNewKind, newKind, removeNewKind } from '../support/new-kind.js';
import { itemSteps, withItems } from './fake-items.js';
import { failing, workUntilStopped } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

/** The time-skipping server does not report to a plan that a workflow runs already, nor always that one has failed. */
let real: PlanServer;

beforeAll(async () => {
  addNewKind();
  real = await PlanServer.startOnRealServer(newKind, await bundleWithNewKind());
});
afterAll(async () => {
  removeNewKind();
  await real.stop();
});

test('an item that a lost plan left at work is stopped, and started again by the plan that goes on', async () => {
  const run = await real.begin('lost', (ledger) => {
    withItems(ledger, 1);
    ledger.next('runItemStep', () => workUntilStopped<{ kind: 'done' }>({ kind: 'done' }));
  });
  await run.ledger.untilWorking('runItemStep');
  await run.handle.terminate('lost');
  expect(run.ledger.working('runItemStep')).toBe(1);
  const again = await real.beginAgain('lost', run.ledger);
  await again.steer('resume');
  expect(await again.accept()).toBe('completed');
  expect(itemSteps(run)).toEqual(['1 store', '1 store', '1 publish']);
});

test('a failure that only a person can mend blocks the run once all items have let go, and resume goes on', async () => {
  const run = await real.begin('failing', (ledger) => {
    withItems(ledger, 3);
    ledger.next('runItemStep', failing('permission_denied'), () =>
      workUntilStopped<{ kind: 'done' }>({ kind: 'done' }),
    );
  });
  const blocked = await run.ledger.untilState('blocked', 'copying');
  expect(blocked.error?.type).toBe('permission_denied');
  expect(blocked.busy).toEqual([]);
  await run.steer('resume');
  expect(await run.accept()).toBe('completed');
});

test('an item whose workflow was terminated is started again', async () => {
  const run = await real.begin('terminated', (ledger) => {
    withItems(ledger, 1);
    ledger.next('runItemStep', () => workUntilStopped<{ kind: 'done' }>({ kind: 'done' }));
  });
  await run.ledger.untilWorking('runItemStep');
  await real.environment.client.workflow.getHandle(`${newKind}/terminated/1`).terminate('by hand');
  expect(await run.accept()).toBe('completed');
  expect(itemSteps(run)).toEqual(['1 store', '1 store', '1 publish']);
});
