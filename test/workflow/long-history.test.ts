import { afterAll, beforeAll, expect, test } from 'vitest';
import { clean } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.start();
});
afterAll(() => server.stop());

/** Rounds of so many lanes that few of them fill a history. */
const manyLanes = { lanes: 60 };
const roundOver = async () => ({ outcome: { kind: 'round_over' as const }, migrated: 1, rejected: 0 });

test('a long copy is continued as new with everything it knows, and ends as any other', async () => {
  let rounds = 0;
  const run = await server.begin(
    'long-copy',
    (ledger) => {
      ledger.answer('openRanges', async () => void rounds++);
      ledger.answer('copyLane', async (assignment) => {
        if (rounds < 20) return roundOver();
        expect(assignment.estimatedRows).toBe(1000);
        return { outcome: { kind: 'source_exhausted' }, migrated: 1, rejected: 0 };
      });
    },
    manyLanes,
  );
  await run.ledger.untilState('waiting', 'verified');
  expect(await run.carried()).toMatchObject({ completed: ['preflight'], undos: ['removeMovedRows'], stage: 'copying' });
  expect(await run.status()).toMatchObject({ migrated: 20 * 60, stage: 'verified' });
  expect((await run.events()).length).toBeLessThan(2000);
  expect(run.ledger.count('preflight')).toBe(1);
  expect(run.ledger.sequences).toEqual(run.ledger.sequences.map((_, place) => place + 1));
  await run.steer('rollback');
  expect(await run.end()).toBe('rolled_back');
  expect(run.ledger.count('removeMovedRows')).toBe(1);
});

test('a long verification is continued as new under its own id, and copies nothing again', async () => {
  let rounds = 0;
  const run = await server.begin('long-verification', (ledger) =>
    ledger.answer('verifyRows', async () => (++rounds < 300 ? { kind: 'round_over' } : clean)),
  );
  await run.ledger.untilState('waiting', 'verified');
  expect(await run.carried()).toMatchObject({
    completed: ['preflight', 'copy'],
    stage: 'verifying',
    verificationId: 'verification-1',
  });
  const ids = run.ledger.calls.filter(({ name }) => name === 'verifyRows').map(({ args }) => args[1]);
  expect(ids).toHaveLength(300);
  expect(new Set(ids)).toEqual(new Set(['verification-1']));
  expect(run.ledger.count('copyLane')).toBe(2);
  expect(await run.accept()).toBe('completed');
});

test('a comparison asked for in the middle of the copy ends in the history it began in', async () => {
  const tooMany = { open: 50, unresolved: 50, topReasons: [] };
  let rounds = 0;
  const run = await server.begin('long-look', (ledger) => {
    ledger.answer('countRejects', async () => tooMany);
    ledger.answer('verifyRows', async () => (++rounds < 300 ? { kind: 'round_over' } : clean));
  });
  const { sequence, runId } = await run.ledger.untilState('blocked', 'copying');
  await run.steer('verify');
  const again = await run.ledger.untilState('blocked', 'copying', sequence);
  expect(rounds).toBe(300);
  expect(run.ledger.count('startVerification')).toBe(1);
  expect(again.runId).not.toBe(runId);
  await run.steer('cancel');
});
