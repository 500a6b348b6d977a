import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { type ActivityName, clean, failing, mismatch, stoppedLane, workUntilStopped } from './fake-ledger.js';
import { type PlanRun, PlanServer } from './plan-server.js';

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
  let reported: string | undefined;
  const run = await server.begin(
    'long-copy',
    (ledger) => {
      ledger.answer('releaseRanges', async () => void rounds++);
      ledger.answer('copyLane', async (assignment) => {
        if (rounds < 20) return roundOver();
        expect(assignment.estimatedRows).toBe(1000);
        return { outcome: { kind: 'source_exhausted' }, migrated: 1, rejected: 0 };
      });
      ledger.answer('countCopied', async () => {
        reported = (await run.details()).split('\n')[2];
        return { migrated: 20 * 60, rejected: 0, warned: 0 };
      });
      ledger.answer('verifyRows', async () => ({ ...clean, verdict: { ...clean.verdict, compared: 20 * 60 } }));
    },
    manyLanes,
  );
  await run.ledger.untilState('waiting', 'verified');
  expect(await run.carried()).toMatchObject({ completed: ['preflight'], undos: ['removeMovedRows'], stage: 'copying' });
  expect(await run.status()).toMatchObject({ migrated: 20 * 60, stage: 'verified' });
  expect(reported).toBe('**1200** rows moved, **0** rejected, of about 1000');
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
  // Counted before the run was continued as new; what its start said is no longer on its page otherwise.
  expect(await run.details()).toContain('**1000** rows moved, **0** rejected, of 1000\n');
  expect(await run.details()).toContain(
    '\nMigration long-verification: saju-records from legacy to saju-cube, mode copy\n',
  );
  expect(await run.accept()).toBe('completed');
});

test('a comparison requested in the middle of the copy ends in the history it began in', async () => {
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

test('a copy that is paused in every round is continued as new, and ends as any other', async () => {
  const run = await server.begin(
    'paused-rounds',
    (ledger) => ledger.answer('copyLane', () => workUntilStopped(stoppedLane)),
    manyLanes,
  );
  await pauseAndResume(run, 'copyLane', 10);
  expect(await run.carried()).toMatchObject({ completed: ['preflight'], stage: 'copying' });
  expect((await run.events()).length).toBeLessThan(2000);
  await run.ledger.untilWorking('copyLane', manyLanes.lanes);
  run.ledger.mend('copyLane');
  await pauseAndResume(run, 'copyLane', 1);
  expect(await run.accept()).toBe('completed');
  expect(run.ledger.sequences).toEqual(run.ledger.sequences.map((_, place) => place + 1));
});

test('a repair that is paused until its history is continued as new is still carried out to its end', async () => {
  const run = await server.begin('paused-repair', (ledger) => {
    ledger.next('verifyRows', async () => mismatch);
    ledger.answer('repairRows', () => workUntilStopped({ finished: false }));
  });
  await run.ledger.untilState('blocked', 'verifying');
  await run.steer('repair');
  while ((await run.carried()) === undefined) await pauseAndResume(run, 'repairRows', 5);
  expect(await run.carried()).toMatchObject({
    completed: ['preflight', 'copy'],
    commandInProgress: { action: 'repair', request: { by: 'tester' } },
  });
  expect(run.ledger.count('startVerification')).toBe(1);
  await run.ledger.untilWorking('repairRows');
  run.ledger.mend('repairRows');
  await pauseAndResume(run, 'repairRows', 1);
  expect(await run.accept()).toBe('completed');
  expect(run.ledger.count('copyLane')).toBe(2);
  expect(run.ledger.count('startVerification')).toBe(2);
}, 120_000);

test('a handing over that is blocked again and again is renewed, and requires no second complete', async () => {
  const run = await server.begin('blocked-end', (ledger) => ledger.answer('finalize', failing('permission_denied')));
  await run.ledger.untilState('waiting', 'verified');
  await run.steer('complete');
  while ((await run.carried()) === undefined) {
    const { sequence } = await run.ledger.untilState('blocked', 'done');
    await run.steer('resume');
    await run.ledger.untilState('blocked', 'done', sequence);
  }
  expect(await run.carried()).toMatchObject({ completed: ['preflight', 'copy', 'verify', 'accepted'], stage: 'done' });
  run.ledger.mend('finalize');
  await run.steer('resume');
  expect(await run.end()).toBe('completed');
}, 120_000);

/** So many times, in the middle of a step that works until it is stopped. */
async function pauseAndResume(run: PlanRun, name: ActivityName, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    await until(`${name} to be at work`, () => run.ledger.working(name) > 0);
    const after = run.ledger.state?.sequence;
    await run.steer('pause');
    await run.ledger.untilState('paused', name === 'copyLane' ? 'copying' : 'verifying', after);
    await run.steer('resume');
  }
}
