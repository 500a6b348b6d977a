import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CubeView } from '../../src/api/cubes.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { AiStack } from '../support/ai-stack.js';
import { runCommand } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { Engine, testSecret } from '../support/engine.js';
import { fillModels, modelNamed } from '../support/legacy-models.js';

/** What a person sees of a model that legacy replaces, with both AI services, the engine and the command line. */
const limit = 300_000;
const id = 'replaced';
let stack: AiStack;
let engine: Engine;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'replaced-models-'));
  stack = await AiStack.start();
  await fillModels(stack.databases.legacy, [modelNamed('sound'), modelNamed('worse-on-disk')]);
  engine = await Engine.start({
    ...stack.databases,
    redisUrl: stack.variables.REDIS_URL ?? expect.fail('no Redis'),
    environment: { 'worker-bulk-1': stack.variables },
  });
}, limit);
afterAll(async () => {
  await engine?.stop();
  await stack?.stop();
  rmSync(folder, { recursive: true });
}, limit);

async function replacedModels() {
  const { body } = await engine.call('GET', '/v1/cubes/ai-cube');
  return (body as CubeView).instances.map(({ replaced_models }) => replaced_models);
}

async function shownBy(...command: string[]): Promise<readonly string[]> {
  const variables = { CONTROL_URL: engine.url, CUBE_JWT_SECRET: testSecret, CUBESHIFT_HOME: folder };
  const { stdout } = await runCommand(command, variables);
  return stdout.split('\n').filter((line) => line.startsWith('ai-cube: legacy has replaced'));
}

test('a model that legacy replaces is in the status within five seconds, and leaves it once it was moved', {
  timeout: limit,
}, async () => {
  const verified = ({ status, stage }: MigrationView) => status === 'waiting' && stage === 'verified';
  expect((await engine.call('POST', '/v1/migrations/ai-models', { id })).status).toBe(202);
  const view = await engine.waitFor(id, 'verified', verified, 120_000);
  expect(view.progress).toMatchObject({ migrated: 1, rejected: 1 });
  const none = { count: 0, names: [] };
  await expect.poll(replacedModels, { timeout: 5000 }).toEqual([none]);
  expect(await shownBy('status')).toEqual([]);

  // Also of the model that was rejected, which legacy serves anyhow.
  await stack.databases.legacy.query("update ai_models set version = '2.0.0'");
  await expect.poll(replacedModels, { timeout: 5000 }).toEqual([{ count: 1, names: ['sound'] }]);
  const line =
    'ai-cube: legacy has replaced 1 model since it was moved: sound (requests go to legacy); verify the migration: cubeshift migrate verify replaced';
  expect(await shownBy('status')).toEqual([line]);
  expect(await shownBy('cubes', 'status', 'ai-cube')).toEqual([line]);

  await engine.steer(id, 'verify');
  await until(
    'the new version to be active',
    async () => {
      const active = await stack.databases.cube.query(
        "select from ai.model_versions where state = 'active' and version = '2.0.0'",
      );
      return active.rowCount === 1;
    },
    120_000,
  );
  await expect.poll(replacedModels, { timeout: 5000 }).toEqual([none]);
  await engine.waitFor(id, 'verified', verified, 120_000);
  expect(await shownBy('status')).toEqual([]);
});
