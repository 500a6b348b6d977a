import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type MigrationAction, migrationActions } from '../../src/domain/migration/migration.js';
import { clean, type FakeLedger, failing, mismatch, stoppedLane, workUntilStopped } from './fake-ledger.js';
import { type PlanRun, PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.start();
});
afterAll(() => server.stop());

const copying = (ledger: FakeLedger) => ledger.answer('copyLane', () => workUntilStopped(stoppedLane));

/** A gate that a test opens. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

test('a pause in the middle of the lanes stops them, and resume goes on to the end', async () => {
  const run = await server.begin('pause', copying);
  await run.ledger.untilWorking('copyLane', 2);
  await run.steer('pause', { by: 'ops' });
  expect(await run.ledger.untilState('paused', 'copying')).toMatchObject({ what: 'pause', by: 'ops', busy: [] });
  expect(await run.status()).toMatchObject({ status: 'paused', stage: 'copying' });
  run.ledger.mend('copyLane');
  await run.steer('resume', { by: 'ops' });
  expect(await run.accept()).toBe('completed');
  expect(run.ledger.states.map(({ what }) => what)).toContain('resume');
});

test('a pause that comes while the ledger records a new stage keeps its step from starting', async () => {
  const { open, opened } = gate();
  const run = await server.begin('pause-between', (ledger) =>
    ledger.next(
      'recordState',
      async () => undefined,
      async () => opened,
    ),
  );
  await run.ledger.untilWorking('recordState');
  await run.ledger.untilCalled('preflight');
  await run.ledger.untilWorking('recordState');
  await run.steer('pause');
  open();
  await run.ledger.untilState('paused', 'copying');
  expect(run.ledger.order).toEqual(['preflight']);
  await run.steer('resume');
  expect(await run.accept()).toBe('completed');
});

test('a pause that arrives while a resume is being recorded takes effect at once', async () => {
  const run = await server.begin('pause-resume-pause', copying);
  await run.ledger.untilWorking('copyLane', 2);
  await run.steer('pause');
  const { sequence } = await run.ledger.untilState('paused', 'copying');
  const { open, opened } = gate();
  run.ledger.next('recordState', async () => opened);
  await run.steer('resume');
  await run.ledger.untilWorking('recordState');
  await run.steer('pause');
  const lanes = run.ledger.count('copyLane');
  open();
  await run.ledger.untilState('paused', 'copying', sequence);
  expect(run.ledger.count('copyLane')).toBe(lanes);
  await run.steer('cancel');
});

test.each([
  ['cancel', 'cancelled', 'rollback'],
  ['rollback', 'rolled_back', 'cancel'],
] as const)('%s comes before a resume that the plan has not begun yet', async (action, ended, other) => {
  const { open, opened } = gate();
  const run = await server.begin(`${action}-before-resume`, copying);
  await run.ledger.untilWorking('copyLane', 2);
  run.ledger.next('recordState', async () => opened);
  await run.steer('pause');
  await run.ledger.untilWorking('recordState');
  await run.steer('resume');
  await expect(run.steer('resume')).rejects.toMatchObject({
    cause: { message: expect.stringContaining('about to resume'), details: [{ actions: ['cancel', 'rollback'] }] },
  });
  await run.steer(action);
  await expect(run.steer(other)).rejects.toMatchObject({
    cause: { message: expect.stringContaining(`about to ${action}`), details: [{ actions: [] }] },
  });
  const lanes = run.ledger.count('copyLane');
  open();
  expect(await run.end()).toBe(ended);
  expect(run.ledger.count('copyLane')).toBe(lanes);
});

test('the update of a command is answered once the ledger holds the state that it brought', async () => {
  const { open, opened } = gate();
  const run = await server.begin('answered', copying);
  await run.ledger.untilWorking('copyLane', 2);
  run.ledger.next('recordState', async () => opened);
  let answered = false;
  const applied = (await run.submit('pause')).result().then(() => {
    answered = true;
  });
  await run.ledger.untilWorking('recordState');
  expect(await run.status()).toMatchObject({ status: 'paused' });
  expect(answered).toBe(false);
  open();
  await applied;
  run.ledger.mend('copyLane');
  await (await run.submit('resume')).result();
  expect(run.ledger.states.map(({ what }) => what)).toContain('resume');
  expect(await run.accept()).toBe('completed');
});

test('a pause is kept when the step fails while it is being stopped', async () => {
  const run = await server.begin('pause-and-failure', (ledger) =>
    ledger.next('verifyRows', async () => {
      await workUntilStopped(undefined);
      return failing('permission_denied')();
    }),
  );
  await run.ledger.untilWorking('verifyRows');
  await run.steer('pause');
  await run.ledger.untilState('paused', 'verifying');
  await run.steer('resume');
  expect(await run.accept()).toBe('completed');
});

test('a verification that is stopped and resumed goes on under its own id', async () => {
  const run = await server.begin('pause-verification', (ledger) =>
    ledger.next('verifyRows', () => workUntilStopped({ kind: 'stopped' as const })),
  );
  await run.ledger.untilWorking('verifyRows');
  await run.steer('pause');
  await run.ledger.untilState('paused', 'verifying');
  await run.steer('resume');
  await run.ledger.untilState('waiting', 'verified');
  const ids = run.ledger.calls.filter(({ name }) => name === 'verifyRows').map(({ args }) => args[1]);
  expect(ids).toEqual(['verification-1', 'verification-1']);
  expect(run.ledger.count('startVerification')).toBe(1);
  await run.steer('cancel');
});

const states: readonly {
  readonly state: string;
  readonly prepare: (ledger: FakeLedger) => void;
  readonly arrive: (run: PlanRun) => Promise<unknown>;
  readonly fitting: readonly MigrationAction[];
}[] = [
  {
    state: 'running',
    prepare: copying,
    arrive: (run) => run.ledger.untilWorking('copyLane', 2),
    fitting: ['pause', 'cancel', 'rollback'],
  },
  {
    state: 'blocked by a mismatch',
    prepare: (ledger) => ledger.answer('verifyRows', async () => mismatch),
    arrive: (run) => run.ledger.untilState('blocked', 'verifying'),
    fitting: ['repair', 'verify', 'rejects/retry', 'rejects/accept', 'cancel', 'rollback'],
  },
  {
    state: 'blocked by a failure',
    prepare: (ledger) => ledger.answer('startVerification', failing('permission_denied')),
    arrive: (run) => run.ledger.untilState('blocked', 'verifying'),
    fitting: ['resume', 'cancel', 'rollback'],
  },
  {
    state: 'verified',
    prepare: () => undefined,
    arrive: (run) => run.ledger.untilState('waiting', 'verified'),
    fitting: ['complete', 'verify', 'rejects/retry', 'rejects/accept', 'cancel', 'rollback'],
  },
];

test.each(states)('while $state, what does not fit is refused with what does, and leaves no trace', async (given) => {
  const run = await server.begin(`refuse-${given.state.replaceAll(' ', '-')}`, given.prepare);
  await given.arrive(run);
  for (const action of migrationActions.filter((candidate) => !given.fitting.includes(candidate))) {
    const refusal = await run.steer(action).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
    const { cause } = refusal as WorkflowUpdateFailedError;
    expect(cause).toBeInstanceOf(ApplicationFailure);
    expect(cause).toMatchObject({ type: 'not_at_this_stage', details: [{ actions: given.fitting }] });
    expect(cause?.message).toContain(`${action} is not possible while the migration is`);
  }
  for (const event of await run.events()) {
    expect(event.workflowExecutionUpdateAdmittedEventAttributes ?? null).toBeNull();
    expect(event.workflowExecutionUpdateAcceptedEventAttributes ?? null).toBeNull();
    expect(event.workflowExecutionUpdateRejectedEventAttributes ?? null).toBeNull();
  }
  await run.steer('cancel');
});

test('status has stage, status and what was moved, also after the end', async () => {
  const run = await server.begin('status');
  await run.ledger.untilState('waiting', 'verified');
  const state = { stage: 'verified', status: 'waiting', mode: 'copy', migrated: 1000, rejected: 0 };
  expect(await run.status()).toEqual(state);
  expect(await run.accept()).toBe('completed');
  expect(await run.status()).toEqual({ ...state, stage: 'done', status: 'completed' });
});

test('the Web UI finds the run by kind, cube, stage and status, and reads what is wrong and what is possible', async () => {
  const run = await server.begin('web-ui', (ledger) => ledger.answer('verifyRows', async () => mismatch));
  const { error } = await run.ledger.untilState('blocked', 'verifying');
  const { searchAttributes } = await run.handle.describe();
  expect(searchAttributes).toMatchObject({
    MigrationKind: ['saju-records'],
    CubeId: ['saju-cube'],
    MigrationStage: ['verifying'],
    MigrationStatus: ['blocked'],
  });
  expect((await run.details()).split('\n')).toEqual([
    '**blocked** at **verifying**: it stopped by itself and waits for a person.',
    error?.message,
    '',
    '**1000** rows moved, **0** rejected, of 1000',
    'Last verification: **1000** rows compared, **4** different',
    'No reject is open',
    '',
    'What to type now:',
    '- `cubeshift migrate status web-ui`: list what differs',
    '- `cubeshift migrate repair web-ui --wait`: move again what differs, then verify',
    '- `cubeshift migrate verify web-ui --wait`: compare every row of both databases again',
    '- `cubeshift migrate cancel web-ui`: end the migration; its rows stay, and the next migration of the kind adopts them',
    '- `cubeshift migrate rollback web-ui`: remove from the cube every row that migrations of the kind put there',
    '',
    'As it is now: `cubeshift migrate status web-ui`',
  ]);
  await run.steer('cancel');
});

test('after a retry that went through, the Web UI has as many rows moved as the verification compared', async () => {
  const rejects = (unresolved: number) => async () => ({ open: unresolved, unresolved, topReasons: [] });
  const run = await server.begin('retried', (ledger) => {
    ledger.answer('countCopied', async () => ({ migrated: 990, rejected: 10, warned: 0 }));
    ledger.answer('countRejects', rejects(10));
    ledger.answer('verifyRows', async () => ({ ...clean, verdict: { ...clean.verdict, compared: 990 } }));
  });
  const { sequence } = await run.ledger.untilState('waiting', 'verified');
  expect(await run.details()).toContain('**990** rows moved, **10** rejected, of 1000\n');
  run.ledger.answer('countRejects', rejects(9));
  run.ledger.answer('verifyRows', async () => ({ ...clean, verdict: { ...clean.verdict, compared: 991 } }));
  await run.steer('rejects/retry');
  await run.ledger.untilState('waiting', 'verified', sequence);
  const [counts, verification] = (await run.details()).split('\n').slice(2);
  expect(counts).toBe('**991** rows moved, **9** rejected, of 1000');
  expect(verification).toBe('Last verification: **991** rows compared, **0** different');
  await run.steer('cancel');
});

test('the sequence of states rises by one with each, whatever the command', async () => {
  const run = await server.begin('sequence', copying);
  for (let times = 0; times < 3; times++) {
    await run.ledger.untilWorking('copyLane', 2);
    const after = run.ledger.state?.sequence;
    await run.steer('pause');
    await run.ledger.untilState('paused', 'copying', after);
    await run.steer('resume');
  }
  await run.ledger.untilWorking('copyLane', 2);
  await run.steer('rollback');
  expect(await run.end()).toBe('rolled_back');
  expect(run.ledger.sequences).toEqual(run.ledger.sequences.map((_, place) => place + 1));
});
