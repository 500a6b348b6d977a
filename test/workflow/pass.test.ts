import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { clean, mismatch } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.start('ai-models');
});
afterAll(() => server.stop());

const unclean = async () => mismatch;
const passed =
  (changedRanges: number, finished = true) =>
  async () => ({ finished, changedRanges });
const steps = (names: readonly string[]) => names.filter((name) => name === 'passOverChanges' || name === 'verifyRows');

test('each verification follows a pass over what legacy has changed', async () => {
  const run = await server.begin('passed', (ledger) => ledger.next('passOverChanges', passed(0, false)));
  await run.ledger.untilState('waiting', 'verified');
  expect(steps(run.ledger.order)).toEqual(['passOverChanges', 'passOverChanges', 'verifyRows']);
  await run.steer('verify');
  await until('another verification', async () => steps(run.ledger.order).length === 5);
  expect(steps(run.ledger.order).slice(3)).toEqual(['passOverChanges', 'verifyRows']);
});

test('where legacy was written meanwhile, both sides are compared again, in a state of their own', async () => {
  const run = await server.begin('written', (ledger) => {
    ledger.next('verifyRows', unclean, unclean);
    ledger.next('passOverChanges', passed(0), passed(2), passed(0), passed(1), passed(0));
  });
  await run.ledger.untilState('waiting', 'verified');
  const begun = run.ledger.calls.filter(({ name }) => name === 'startVerification');
  const sequences = begun.map(({ args }) => (args[0] as { sequence: number }).sequence);
  expect(new Set(sequences).size).toBe(3);
});

test('a difference that legacy has not caused blocks at once', async () => {
  const run = await server.begin('damaged', (ledger) => ledger.next('verifyRows', unclean));
  await run.ledger.untilState('blocked', 'verifying');
  expect(steps(run.ledger.order)).toEqual(['passOverChanges', 'verifyRows', 'passOverChanges']);
});

test('legacy that is written all the time blocks after five verifications', async () => {
  const run = await server.begin('busy', (ledger) => {
    ledger.answer('passOverChanges', passed(1));
    ledger.answer('verifyRows', unclean);
  });
  await run.ledger.untilState('blocked', 'verifying');
  expect(run.ledger.order.filter((name) => name === 'verifyRows')).toHaveLength(5);
  run.ledger.answer('verifyRows', async () => clean);
  await run.steer('verify');
  await run.ledger.untilState('waiting', 'verified');
});

test('rows that a pass rejected block past their limit, before anything is compared', async () => {
  const run = await server.begin(
    'rejected',
    (ledger) =>
      ledger.answer('passOverChanges', async () => {
        ledger.answer('countRejects', async () => ({ open: 900, unresolved: 900, topReasons: [] }));
        return { finished: true, changedRanges: 0 };
      }),
    { reject_limit_percent: 2 },
  );
  await run.ledger.untilState('blocked', 'verifying');
  expect(run.ledger.order).not.toContain('verifyRows');
});
