import { afterAll, beforeAll, expect, test } from 'vitest';
import { clean, type FakeLedger, mismatch } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.start();
});
afterAll(() => server.stop());

const topReasons = [
  { reason: 'date_invalid', count: 30 },
  { reason: 'pillar_invalid', count: 12 },
  { reason: 'user_id_empty', count: 5 },
];
const tooMany = { open: 50, unresolved: 50, topReasons };

/** Rejects past their limit, as lanes find them, until a person does something about them. */
function rejecting(ledger: FakeLedger): void {
  ledger.answer('copyLane', async () => ({
    outcome: { kind: 'too_many_rejects', rejects: tooMany, processed: 400 },
    migrated: 350,
    rejected: 50,
  }));
  ledger.answer('countRejects', async () => tooMany);
  const helped = async () => {
    ledger.mend('copyLane');
    ledger.mend('countRejects');
  };
  ledger.answer('acceptRejects', async () => helped().then(() => 50));
  ledger.answer('retryRejects', async () => {
    await helped();
    return { finished: true };
  });
}

test('too many rejects block the run, and it names the three most frequent reasons', async () => {
  const run = await server.begin('rejects-named', rejecting, { reject_limit_percent: 3 });
  const { error } = await run.ledger.untilState('blocked', 'copying');
  expect(error).toMatchObject({
    type: 'too_many_rejects',
    message: '50 rows were rejected, more than the limit of 3 %: date_invalid 30, pillar_invalid 12, user_id_empty 5.',
  });
  expect(await run.status()).toMatchObject({ status: 'blocked', blockedBy: 'too_many_rejects', error });
  await run.steer('cancel');
});

test('rejects that are too many only of all rows block at the end of the copy', async () => {
  const run = await server.begin('rejects-at-end', (ledger) => {
    rejecting(ledger);
    ledger.mend('copyLane');
  });
  expect(await run.ledger.untilState('blocked', 'copying')).toMatchObject({ blockedBy: 'too_many_rejects' });
  expect(run.ledger.count('startVerification')).toBe(0);
  await run.steer('rejects/accept', { ids: 'all' });
  expect(await run.accept()).toBe('completed');
});

test('accepted rejects let the copy go on, with who accepted them and why', async () => {
  const run = await server.begin('rejects-accepted', rejecting);
  await run.ledger.untilState('blocked', 'copying');
  await run.steer('rejects/accept', { ids: ['7', '9'], by: 'ops', why: 'known since 2015' });
  expect(await run.accept()).toBe('completed');
  const accepted = run.ledger.calls.find(({ name }) => name === 'acceptRejects');
  expect(accepted?.args.slice(1)).toEqual([['7', '9'], 'ops', 'known since 2015']);
  expect(run.ledger.order.slice(run.ledger.order.indexOf('acceptRejects'))).toContain('copyLane');
});

test('retried rejects let the copy go on', async () => {
  const run = await server.begin('rejects-retried', rejecting);
  await run.ledger.untilState('blocked', 'copying');
  await run.steer('rejects/retry');
  expect(await run.accept()).toBe('completed');
  const retried = run.ledger.calls.find(({ name }) => name === 'retryRejects');
  expect(retried?.args[2]).toBe('all');
});

test.each(['verify', 'repair'] as const)('%s while rejects block looks, then blocks again', async (action) => {
  const run = await server.begin(`rejects-${action}`, rejecting);
  const { sequence } = await run.ledger.untilState('blocked', 'copying');
  await run.steer(action);
  await run.ledger.untilState('blocked', 'copying', sequence);
  expect(run.ledger.count(action === 'verify' ? 'verifyRows' : 'repairRows')).toBe(1);
  await run.steer('cancel');
  expect(await run.end()).toBe('cancelled');
});

test('a mismatch blocks and names ids and fields; repair verifies again and rests', async () => {
  const run = await server.begin('mismatch-repaired', (ledger) => {
    ledger.answer('verifyRows', async () => mismatch);
    ledger.next('repairRows', async () => ({ finished: false }));
    ledger.answer('repairRows', async () => {
      ledger.mend('verifyRows');
      return { finished: true };
    });
  });
  const { blockedBy, error } = await run.ledger.untilState('blocked', 'verifying');
  expect({ blockedBy, type: error?.type, message: error?.message }).toEqual({
    blockedBy: 'verification_mismatch',
    type: 'verification_mismatch',
    message: '4 of 1000 rows differ between legacy and cube: id 12 interpretation, id 40 created_at, ….',
  });
  await run.steer('repair');
  expect(await run.accept()).toBe('completed');
  expect(run.ledger.order.slice(-6)).toEqual([
    'verifyRows',
    'repairRows',
    'startVerification',
    'verifyRows',
    'countRejects',
    'finalize',
  ]);
  expect(run.ledger.count('repairRows')).toBe(2);
});

test('totals that do not add up block in their own sentence, with and without rows that differ', async () => {
  const disagreement = 'The rows do not add up.';
  const { verdict } = mismatch;
  const run = await server.begin('totals', (ledger) => {
    ledger.next('verifyRows', async () => ({
      ...mismatch,
      verdict: { ...verdict, mismatched: 0, examples: [], disagreement },
    }));
    ledger.answer('verifyRows', async () => ({ ...mismatch, verdict: { ...verdict, disagreement } }));
  });
  const { sequence, error } = await run.ledger.untilState('blocked', 'verifying');
  expect(error).toMatchObject({ type: 'verification_mismatch', message: disagreement });
  await run.steer('verify');
  const again = await run.ledger.untilState('blocked', 'verifying', sequence);
  expect(again.error?.message).toMatch(/^4 of 1000 rows differ .* The rows do not add up\.$/);
  await run.steer('cancel');
});

test.each(['verify', 'rejects/retry', 'rejects/accept'] as const)(
  '%s after a mismatch compares everything anew, and a mismatch that stays blocks again',
  async (action) => {
    const run = await server.begin(`mismatch-${action.replace('/', '-')}`, (ledger) =>
      ledger.answer('verifyRows', async () => mismatch),
    );
    const { sequence } = await run.ledger.untilState('blocked', 'verifying');
    await run.steer(action);
    const again = await run.ledger.untilState('blocked', 'verifying', sequence);
    run.ledger.mend('verifyRows');
    await run.steer(action);
    await run.ledger.untilState('waiting', 'verified', again.sequence);
    expect(run.ledger.count('startVerification')).toBe(3);
    await run.steer('cancel');
  },
);

test('at rest, another look or a retry verifies again before the run rests again; accepting rejects does not', async () => {
  const run = await server.begin('at-rest', (ledger) => ledger.answer('verifyRows', async () => clean));
  let { sequence } = await run.ledger.untilState('waiting', 'verified');
  for (const [action, verifications] of [
    ['verify', 2],
    ['rejects/retry', 3],
    ['rejects/accept', 3],
  ] as const) {
    await run.steer(action);
    ({ sequence } = await run.ledger.untilState('waiting', 'verified', sequence));
    expect(run.ledger.count('startVerification')).toBe(verifications);
  }
  expect(await run.accept()).toBe('completed');
});
