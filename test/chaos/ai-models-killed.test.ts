import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CrashPoint } from '../../src/base/crash-points.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { AiStack } from '../support/ai-stack.js';
import { until } from '../support/conditions.js';
import { Engine } from '../support/engine.js';
import { fillModels, modelNamed } from '../support/legacy-models.js';
import { comparisonCrashPoints, int8CrashPoints } from '../support/model-crash-points.js';

/** A bulk worker that is killed between two side effects of a model's steps, with both AI services and Temporal. */
const limit = 400_000;
const worker = 'worker-bulk-1';
const names = ['digits-external', 'worse-on-disk'];
let stack: AiStack;
let engine: Engine;
let runs = 0;

beforeAll(async () => {
  stack = await AiStack.start();
  await fillModels(
    stack.databases.legacy,
    names.map((name) => modelNamed(name)),
  );
  engine = await Engine.start({
    ...stack.databases,
    apart: ['worker-bulk'],
    environment: { [worker]: stack.variables },
  });
}, limit);
afterAll(async () => {
  await engine?.stop();
  await stack?.stop();
}, limit);

/** Starts a run whose worker kills itself at the point, and waits until it has. */
async function startAndKill(point: CrashPoint): Promise<string> {
  await engine.kill(worker);
  engine.startProgram(worker, { CUBESHIFT_CRASH_POINT: point });
  const id = `killed-${++runs}`;
  const { status } = await engine.call('POST', '/v1/migrations/ai-models', { id });
  expect(status).toBe(202);
  await until(`the worker to be killed at ${point}`, async () => !engine.isAlive(worker), 60_000);
  engine.startProgram(worker);
  return id;
}

async function rolledBack(id: string): Promise<void> {
  await engine.steer(id, 'rollback');
  await engine.waitFor(id, 'rolled back', ({ status }) => status === 'rolled_back', 90_000);
  const left = await stack.databases.cube.query(`
    select (select count(*) from ai.models)::int as models, (select count(*) from ai.model_versions)::int as versions,
           (select count(*) from storage.blobs)::int as blobs, (select count(*) from storage.intended)::int as intended`);
  expect(left.rows).toEqual([{ models: 0, versions: 0, blobs: 0, intended: 0 }]);
  const { store } = stack.folders;
  const files = existsSync(store) ? readdirSync(store, { recursive: true, withFileTypes: true }) : [];
  expect(files.filter((entry) => entry.isFile())).toEqual([]);
}

const verified = ({ status, stage }: MigrationView) => status === 'waiting' && stage === 'verified';

test.each([
  'after-model-loaded',
  'after-intent',
  'after-artifact-stored',
  'after-version-commit',
  ...comparisonCrashPoints,
  'after-activation-commit',
] as const)(
  'killed at %s, the run is finished by the next worker: one model active, the other taken back',
  { timeout: limit },
  async (point) => {
    const id = await startAndKill(point);
    const view = await engine.waitFor(id, 'verified', verified, 120_000);
    expect(view.progress).toMatchObject({ migrated: 1, rejected: 1 });
    expect(view.verification).toMatchObject({ status: 'clean', mismatches: [] });
    const versions = await stack.databases.cube.query('select model_id, state from ai.model_versions');
    expect(versions.rows).toEqual([{ model_id: modelNamed('digits-external').row.id, state: 'active' }]);
    await rolledBack(id);
  },
);

test('killed with its files stored and no version that names them, a run is rolled back with nothing left', {
  timeout: limit,
}, async () => {
  await rolledBack(await startAndKill('after-artifact-stored'));
});

test.each(int8CrashPoints)(
  'killed at %s, the run is finished by the next worker: the float form active, its int8 form rejected once',
  { timeout: limit },
  async (point) => {
    const { row } = modelNamed('sensor-network');
    await fillModels(stack.databases.legacy, [modelNamed('sensor-network')]);
    const id = await startAndKill(point);
    const view = await engine.waitFor(id, 'verified', verified, 120_000);
    expect(view.progress).toMatchObject({ migrated: 1, rejected: 0 });
    expect(view.verification).toMatchObject({ status: 'clean', mismatches: [] });
    const versions = await stack.databases.cube.query(
      'select model_id, form, state from ai.model_versions order by id',
    );
    expect(versions.rows).toEqual([
      { model_id: row.id, form: 'float', state: 'active' },
      { model_id: row.id, form: 'int8', state: 'rejected' },
    ]);
    await rolledBack(id);
  },
);
