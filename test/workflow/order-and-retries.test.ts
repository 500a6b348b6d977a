import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailureType } from '../../src/base/failures.js';
import { type ActivityName, failing, stoppedLane, workUntilStopped } from './fake-ledger.js';
import { PlanServer } from './plan-server.js';

let server: PlanServer;

beforeAll(async () => {
  server = await PlanServer.start();
});
afterAll(() => server.stop());

test('a run without trouble takes its steps in the plan’s order and rests before it completes', async () => {
  const run = await server.begin('happy');
  expect(await run.accept()).toBe('completed');
  expect(run.ledger.order).toEqual([
    'preflight',
    'releaseRanges',
    'copyLane',
    'countCopied',
    'countRejects',
    'startVerification',
    'verifyRows',
    'countRejects',
    'finalize',
  ]);
  expect(run.ledger.states.map(({ stage, status, what }) => `${stage} ${status} ${what}`)).toEqual([
    'preflight running step',
    'copying running step',
    'verifying running step',
    'verified waiting rest',
    'verified running complete',
    'done running step',
    'done completed complete',
  ]);
});

test('each round starts as many lanes as the options say, and rounds follow until every lane finds the source exhausted', async () => {
  const over = async () => ({ outcome: { kind: 'round_over' as const }, migrated: 100, rejected: 0 });
  const run = await server.begin('rounds', (ledger) => ledger.next('copyLane', over, over, over, over, over), {
    lanes: 3,
  });
  expect(await run.accept()).toBe('completed');
  const lanes = run.ledger.calls.filter(({ name }) => name === 'copyLane').map(({ args }) => args[0]);
  expect(lanes).toHaveLength(9);
  expect(new Set(lanes.map((assignment) => JSON.stringify(assignment)))).toHaveLength(3);
  expect(lanes[0]).toMatchObject({ migrationId: 'rounds', kind: 'saju-records', estimatedRows: 1000 });
  expect(run.ledger.count('releaseRanges')).toBe(3);
});

test.each<ActivityName>([
  'preflight',
  'recordState',
  'releaseRanges',
  'copyLane',
  'countCopied',
  'countRejects',
  'startVerification',
  'verifyRows',
  'finalize',
])('%s is tried again after failures that pass, and the run goes on', async (name) => {
  const fails = [failing('cube_unreachable'), failing('legacy_unreachable'), failing('unexpected')];
  const run = await server.begin(`retry-${name.toLowerCase()}`, (ledger) => ledger.next(name, ...fails));
  await run.flyTo('waiting', 'verified');
  expect(await run.accept()).toBe('completed');
  if (name !== 'recordState')
    expect(run.ledger.calls.some((call) => call.name === name && call.attempt > 1)).toBe(true);
  expect(run.ledger.states.map(({ status }) => status)).not.toContain('blocked');
});

test('a run waits out databases that are away for two hours', async () => {
  const start = await server.environment.currentTimeMs();
  const back = start + 2 * 60 * 60 * 1000;
  const away = async () => {
    if ((await server.environment.currentTimeMs()) < back) return failing('cube_unreachable')();
    return { outcome: { kind: 'source_exhausted' as const }, migrated: 1000, rejected: 0 };
  };
  const run = await server.begin('two-hours', (ledger) => ledger.answer('copyLane', away), { lanes: 1 });
  await run.flyTo('waiting', 'verified');
  expect(await server.environment.currentTimeMs()).toBeGreaterThanOrEqual(back);
  expect(run.ledger.states.map(({ status }) => status)).not.toContain('blocked');
  await run.steer('cancel');
});

test.each<FailureType>(['legacy_schema_mismatch', 'target_occupied', 'encoding_unsupported', 'permission_denied'])(
  'a preflight that finds %s fails the run at once, before anything is changed',
  async (type) => {
    const run = await server.begin(`preflight-${type}`.replaceAll('_', '-'), (ledger) =>
      ledger.answer('preflight', failing(type)),
    );
    expect(await run.end()).toBe('failed');
    expect(run.ledger.calls.map(({ name }) => name)).toEqual(['preflight']);
    expect(run.ledger.state).toMatchObject({
      stage: 'preflight',
      status: 'failed',
      error: { type, message: `A sentence about ${type}.` },
    });
    expect(run.ledger.state?.error?.hint).not.toBe('');
  },
);

test.each<[ActivityName, 'copying' | 'verifying' | 'done']>([
  ['copyLane', 'copying'],
  ['countCopied', 'copying'],
  ['countRejects', 'copying'],
  ['startVerification', 'verifying'],
  ['verifyRows', 'verifying'],
  ['finalize', 'done'],
])('%s failing for good blocks at %s, and resume tries it again', async (name, stage) => {
  // One lane: this server, unlike the real one, is stuck when a step is cancelled that has just failed.
  const run = await server.begin(
    `block-${name.toLowerCase()}`,
    (ledger) => ledger.answer(name, failing('permission_denied')),
    { lanes: 1 },
  );
  if (stage === 'done') {
    await run.ledger.untilState('waiting', 'verified');
    await run.steer('complete');
  }
  const first = await run.ledger.untilState('blocked', stage);
  expect(first).toMatchObject({ blockedBy: 'other', error: { type: 'permission_denied' } });
  await run.steer('resume');
  await run.ledger.untilState('blocked', stage, first.sequence);
  run.ledger.mend(name);
  await run.steer('resume');
  expect(await (stage === 'done' ? run.end() : run.accept())).toBe('completed');
});

test('an unknown error is tried five times, then blocks and is shown', async () => {
  const run = await server.begin('unknown-error', (ledger) =>
    ledger.answer('verifyRows', async () => {
      throw new TypeError('1990-04-01 of a person');
    }),
  );
  const state = await run.flyTo('blocked', 'verifying');
  expect(run.ledger.count('verifyRows')).toBe(5);
  expect(state.error?.type).toBe('unexpected');
  expect(JSON.stringify(await run.events())).not.toContain('1990-04-01');
  await run.steer('cancel');
});

test('a lane that fails for good stops the others, and the run blocks only when they have let go', async () => {
  const run = await server.begin('lanes-let-go', (ledger) =>
    ledger.answer('copyLane', ({ lane }) =>
      lane === 0 ? failing('permission_denied')() : workUntilStopped(stoppedLane),
    ),
  );
  expect((await run.ledger.untilState('blocked', 'copying')).busy).toEqual([]);
  await run.steer('rollback');
  expect(await run.end()).toBe('rolled_back');
});
