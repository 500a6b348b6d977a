import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MigrationAction } from '../../src/domain/migration/migration.js';
import { until } from '../support/conditions.js';
import { type FakeLedger, failing, mismatch, stoppedLane, workUntilStopped } from './fake-ledger.js';
import { type PlanRun, PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.start();
});
afterAll(() => server.stop());

const copying = (ledger: FakeLedger) => ledger.answer('copyLane', () => workUntilStopped(stoppedLane));

interface Place {
  readonly place: string;
  readonly prepare?: (ledger: FakeLedger) => void;
  readonly arrive: (run: PlanRun) => Promise<unknown>;
}

const places: readonly Place[] = [
  {
    place: 'preflight',
    prepare: (ledger) => ledger.answer('preflight', () => workUntilStopped({ estimatedRows: 0 })),
    arrive: (run) => run.ledger.untilWorking('preflight'),
  },
  { place: 'copying', prepare: copying, arrive: (run) => run.ledger.untilWorking('copyLane', 2) },
  {
    place: 'verifying',
    prepare: (ledger) => ledger.answer('verifyRows', () => workUntilStopped({ kind: 'stopped' as const })),
    arrive: (run) => run.ledger.untilWorking('verifyRows'),
  },
  {
    place: 'blocked-by-a-mismatch',
    prepare: (ledger) => ledger.answer('verifyRows', async () => mismatch),
    arrive: (run) => run.ledger.untilState('blocked', 'verifying'),
  },
  {
    place: 'blocked-by-a-failure',
    prepare: (ledger) => ledger.answer('countCopied', failing('permission_denied')),
    arrive: (run) => run.ledger.untilState('blocked', 'copying'),
  },
  {
    place: 'paused',
    prepare: copying,
    arrive: async (run) => {
      await run.ledger.untilWorking('copyLane', 2);
      await run.steer('pause');
      await run.ledger.untilState('paused', 'copying');
    },
  },
  { place: 'verified', arrive: (run) => run.ledger.untilState('waiting', 'verified') },
];

describe.each(places)('$place', ({ place, prepare, arrive }) => {
  test('cancel ends there and leaves the rows', async () => {
    const run = await server.begin(`cancel-${place}`, prepare);
    await arrive(run);
    await run.steer('cancel', { by: 'ops' });
    expect(await run.end()).toBe('cancelled');
    expect(run.ledger.count('removeMovedRows')).toBe(0);
    expect(run.ledger.order.at(-1)).toBe('releaseRanges');
    expect(run.ledger.states.slice(-2)).toMatchObject([
      { stage: 'done', status: 'running', what: 'cancel', by: 'ops', busy: [] },
      { stage: 'done', status: 'cancelled' },
    ]);
  });

  test('rollback removes what was moved, after every step has let go', async () => {
    const run = await server.begin(`rollback-${place}`, prepare);
    await arrive(run);
    await run.steer('rollback', { by: 'ops' });
    expect(await run.end()).toBe('rolled_back');
    expect(run.ledger.count('removeMovedRows')).toBe(1);
    expect(run.ledger.order.at(-1)).toBe('removeMovedRows');
    expect(run.ledger.states.slice(-2)).toMatchObject([
      { stage: 'rolling_back', status: 'running', what: 'rollback', by: 'ops', busy: [] },
      { stage: 'done', status: 'rolled_back' },
    ]);
  });

  test('a cancellation of the workflow itself counts as cancel', async () => {
    const run = await server.begin(`outside-${place}`, prepare);
    await arrive(run);
    await run.handle.cancel();
    expect(await run.end()).toBe('cancelled');
    expect(run.ledger.count('removeMovedRows')).toBe(0);
    expect(run.ledger.states.at(-2)).toMatchObject({ what: 'cancel', by: 'temporal', busy: [] });
    const events = await run.events();
    expect(events.at(-1)?.workflowExecutionCompletedEventAttributes).toBeTruthy();
  });
});

test.each<MigrationAction>(['cancel', 'rollback'])(
  '%s outranks a pause that is still taking effect',
  async (action) => {
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const run = await server.begin(`outranks-${action}`, (ledger) =>
      ledger.answer('copyLane', async () => {
        await workUntilStopped(undefined);
        await stopped;
        return stoppedLane;
      }),
    );
    await run.ledger.untilWorking('copyLane', 2);
    await run.steer('pause');
    await run.steer(action);
    stop();
    expect(await run.end()).toBe(action === 'cancel' ? 'cancelled' : 'rolled_back');
    expect(run.ledger.states.map(({ status }) => status)).not.toContain('paused');
  },
);

test('a cancellation from outside does not stop a rollback', async () => {
  const run = await server.begin('outside-in-rollback', (ledger) =>
    ledger.answer('removeMovedRows', () => workUntilStopped(undefined)),
  );
  await run.ledger.untilState('waiting', 'verified');
  await run.steer('rollback');
  await run.ledger.untilWorking('removeMovedRows');
  await run.handle.cancel();
  expect(await run.status()).toMatchObject({ stage: 'rolling_back', status: 'running' });
  expect(run.ledger.working('removeMovedRows')).toBe(1);
  await run.handle.terminate();
});

test('a cancellation from outside comes too late for a run that is being completed', async () => {
  let finish = () => {};
  const run = await server.begin('outside-in-completion', (ledger) =>
    ledger.answer(
      'finalize',
      () =>
        new Promise((resolve) => {
          finish = () => resolve(undefined);
        }),
    ),
  );
  await run.ledger.untilState('waiting', 'verified');
  await run.steer('complete');
  await run.ledger.untilWorking('finalize');
  await run.handle.cancel();
  await run.status();
  finish();
  expect(await run.end()).toBe('completed');
});

test('once a run is being cancelled nothing else is accepted, however long the ledger is away', async () => {
  let away = true;
  const run = await server.begin('cancel-is-last', (ledger) => {
    copying(ledger);
    ledger.next('releaseRanges', async () => undefined);
    ledger.answer('releaseRanges', async () => {
      if (away) await failing('cube_unreachable')();
    });
  });
  await run.ledger.untilWorking('copyLane', 2);
  await run.steer('cancel');
  await until('the ranges to be released', () => run.ledger.count('releaseRanges') > 2);
  await expect(run.steer('rollback')).rejects.toThrow();
  expect(await run.status()).toMatchObject({ status: 'running', stage: 'done' });
  away = false;
  expect(await run.end()).toBe('cancelled');
});
