import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CrashPoint, crashPoints } from '../../src/base/crash-points.js';
import { until } from '../support/conditions.js';
import { crawlerCrashPoints } from '../support/crawler-crash-points.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { documentCrashPoints } from '../support/document-crash-points.js';
import { Engine, type ProgramName, programOf } from '../support/engine.js';
import { expectRejectsAsForetold, expectTargetEqualsSource } from '../support/equality.js';
import { expectLedgerAddsUp } from '../support/ledger-sums.js';
import { comparisonCrashPoints, int8CrashPoints, modelCrashPoints } from '../support/model-crash-points.js';
import { paperworkCrashPoints } from '../support/paperwork-crash-points.js';
import { sweepCrashPoints } from '../support/sweep-crash-points.js';

const records = 4000;
const timeoutMillis = 150_000;
const options = { batch_rows: 100, reject_limit_percent: 5 };
const ofCopy: readonly CrashPoint[] = ['before-claim', 'after-claim', 'before-chunk-commit', 'after-chunk-commit'];
const ofVerifying: readonly CrashPoint[] = ['before-range-verified', 'after-range-verified'];
const ofRepair: readonly CrashPoint[] = ['before-repair-commit', 'after-repair-commit'];
const ofRemoval: readonly CrashPoint[] = ['before-removal-commit', 'after-removal-commit'];
const ofState: readonly CrashPoint[] = ['before-state-recorded', 'after-state-recorded'];
const ofFinalizing: readonly CrashPoint[] = ['before-finalize', 'after-finalize'];

/** A kill goes unnoticed for as long as the step's time-out: the runs wait side by side. */
const lives = new Map<string, { databases: TestDatabases; engine: Engine }>();
const armed = {
  copy: ['worker-bulk-1', ofCopy[0]],
  repair: ['worker-bulk-1', ofVerifying[0]],
  removal: ['worker-bulk-1', ofRemoval[0]],
  state: ['worker-control', ofState[0]],
  finalize: ['worker-control', ofFinalizing[0]],
} as const;

beforeAll(async () => {
  await Promise.all(
    Object.entries(armed).map(async ([name, [program, point]]) => {
      const databases = await createDatabases(records);
      const environment = { [program]: { CUBESHIFT_CRASH_POINT: point ?? '' } };
      lives.set(name, {
        databases,
        engine: await Engine.start({ ...databases, environment, apart: [programOf(program)] }),
      });
    }),
  );
}, timeoutMillis);
afterAll(async () => {
  for (const { databases, engine } of lives.values()) {
    await engine.stop();
    await databases.drop();
  }
});

test('every named point between two side effects is one at which a program is killed here, in the middle of a sweep, among files, in a document, in a crawler’s run, or a step of a model ends', () => {
  const killed: CrashPoint[] = [
    ...modelCrashPoints,
    ...comparisonCrashPoints,
    ...int8CrashPoints,
    ...sweepCrashPoints,
    ...paperworkCrashPoints,
    ...documentCrashPoints,
    ...crawlerCrashPoints,
    ...ofCopy,
    ...ofVerifying,
    ...ofRepair,
    ...ofRemoval,
    ...ofState,
    ...ofFinalizing,
  ];
  expect(killed.sort()).toEqual([...crashPoints].sort());
});

test.concurrent(
  'a bulk worker killed around the claim and the commit of a range loses and doubles nothing',
  async () => {
    const { databases, engine } = life('copy');
    await engine.startMigration('copy', options);
    await diesAtEach(engine, 'worker-bulk-1', ofCopy);
    await expectAsUndisturbed(databases, engine, 'copy');
  },
  timeoutMillis,
);

test.concurrent(
  'a bulk worker killed around the commit of a comparison or a repair still ends equal',
  async () => {
    const { databases, engine } = life('repair');
    await engine.startMigration('repair', options);
    await diesAtEach(engine, 'worker-bulk-1', ofVerifying, ofRepair[0]);
    await engine.waitFor('repair', 'verified', (view) => view.status === 'waiting');
    await databases.cube.query("update saju.charts set user_id = user_id || '!' where id % 3 = 0");
    await engine.steer('repair', 'verify');
    await engine.waitFor('repair', 'blocked by its mismatches', (view) => view.error?.type === 'verification_mismatch');
    await engine.steer('repair', 'repair');
    await diesAtEach(engine, 'worker-bulk-1', ofRepair);
    await expectAsUndisturbed(databases, engine, 'repair');
  },
  timeoutMillis,
);

test.concurrent(
  'a bulk worker killed around the commit of a removal still removes everything, and a later run is whole',
  async () => {
    const { databases, engine } = life('removal');
    await engine.startMigration('removed', options);
    await engine.waitFor('removed', 'verified', (view) => view.status === 'waiting');
    await engine.steer('removed', 'rollback');
    await diesAtEach(engine, 'worker-bulk-1', ofRemoval);
    await engine.waitFor('removed', 'rolled back', (view) => view.status === 'rolled_back');
    const left = await databases.cube.query('select id from saju.charts limit 1');
    expect(left.rows).toEqual([]);
    await engine.startMigration('again', options);
    await expectAsUndisturbed(databases, engine, 'again');
  },
  timeoutMillis,
);

test.concurrent(
  'a control worker killed around putting a state on record still brings the run to its rest',
  async () => {
    const { databases, engine } = life('state');
    await engine.startMigration('state', options);
    await diesAtEach(engine, 'worker-control', ofState);
    await expectAsUndisturbed(databases, engine, 'state');
  },
  timeoutMillis,
);

test.concurrent(
  'a control worker killed around handing the rows over still hands all of them over',
  async () => {
    const { databases, engine } = life('finalize');
    await engine.startMigration('finalize', options);
    await expectAsUndisturbed(databases, engine, 'finalize');
    await engine.complete('finalize');
    await diesAtEach(engine, 'worker-control', ofFinalizing);
    await engine.waitFor('finalize', 'completed', (view) => view.status === 'completed', 90_000);
    await expectTargetEqualsSource(databases);
    await expectLedgerAddsUp(databases, 'finalize');
    const owned = await databases.cube.query("select id from ledger.batches where state <> 'final'");
    expect(owned.rows).toEqual([]);
  },
  timeoutMillis,
);

function life(name: string): { databases: TestDatabases; engine: Engine } {
  const found = lives.get(name);
  if (found === undefined) throw new Error(`there is no life ${name}`);
  return found;
}

/**
 * Waits until the program has killed itself at the armed point, then starts it again armed with the next; the last time
 * with `afterwards`.
 */
async function diesAtEach(
  engine: Engine,
  name: ProgramName,
  points: readonly CrashPoint[],
  afterwards = '',
): Promise<void> {
  for (const [place, point] of points.entries()) {
    await until(`${name} to die at ${point}`, () => !engine.isAlive(name), 90_000);
    // Nobody here kills it: a SIGKILL is its own, and anything else a defect.
    expect({ point, signal: engine.program(name).signalCode }).toEqual({ point, signal: 'SIGKILL' });
    engine.startProgram(name, { CUBESHIFT_CRASH_POINT: points[place + 1] ?? afterwards });
  }
}

async function expectAsUndisturbed(databases: TestDatabases, engine: Engine, id: string): Promise<void> {
  const rested = await engine.waitFor(id, 'at rest', (view) => view.status !== 'running', 90_000);
  expect(rested).toMatchObject({ status: 'waiting', stage: 'verified', error: null });
  await expectRejectsAsForetold(databases, id);
  await expectTargetEqualsSource(databases);
  await expectLedgerAddsUp(databases, id);
}
