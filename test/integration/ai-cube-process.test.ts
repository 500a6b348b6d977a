import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { type AiServices, startAiServices } from '../support/ai-services.js';
import { testSecret } from '../support/engine.js';
import { testModels } from '../support/onnx-graph.js';
import { OwnRedis } from '../support/own-redis.js';
import { ServiceProcess } from '../support/service-process.js';

/** The AI cube as the program that `up` starts. */
let services: AiServices;
let redis: OwnRedis;
let cube: ServiceProcess;
const { token } = issueCubeToken(testSecret, { cubeId: 'api-gateway-cube', permissions: ['ai:call'] }, new Date());

beforeAll(async () => {
  redis = await OwnRedis.start();
  services = await startAiServices();
  await services.addModel('slow', testModels.takesLong());
  await services.addModel('plus', testModels.adds(1));
  await services.move('slow');
  await services.move('plus');
});
afterAll(async () => {
  await cube?.end('SIGKILL');
  await services.close();
  await redis.stop();
});

const start = () =>
  ServiceProcess.start('ai', {
    LEGACY_DATABASE_URL: services.databases.legacyUrl,
    CUBE_DATABASE_URL: services.databases.cubeUrl,
    LEGACY_AI_URL: services.urls.legacy,
    LEGACY_MODEL_DIR: services.folder,
    CUBE_STORAGE_URL: services.storeFolder,
    REDIS_URL: redis.url,
    CUBE_JWT_SECRET: testSecret,
  });

test('killed while it predicts, it leaves no process, and the next one serves', async () => {
  cube = await start();
  expect(await predict('slow', [{ x: 1, turns: 1 }])).toEqual([200, { y: 1 }]);
  expect(await predict('plus', [[1, 2, 3, 4]])).toEqual([200, { y: [2, 3, 4, 5] }]);
  const children = childrenOf(cube.pid);
  expect(children).toHaveLength(2);
  const lost = predict('slow', [{ x: 1, turns: 2 ** 50 }]).catch(() => 'lost');
  await sleep(300);
  await cube.end('SIGKILL');
  expect(await lost).toBe('lost');
  await expect
    .poll(() => children.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 10_000, interval: 100 })
    .toEqual([]);
  cube = await start();
  expect(await predict('plus', [[1, 2, 3, 4]])).toEqual([200, { y: [2, 3, 4, 5] }]);
});

test('stopped while it predicts, it answers first, and leaves no process', async () => {
  expect(await predict('slow', [{ x: 1, turns: 1 }])).toEqual([200, { y: 1 }]);
  const children = childrenOf(cube.pid);
  const begun = performance.now();
  await predict('slow', [{ x: 1, turns: 200_000 }]);
  const turns = Math.ceil((200_000 * 1000) / (performance.now() - begun));
  const last = predict('slow', [{ x: 1, turns: Math.min(turns, 2 ** 31) }]);
  await sleep(200);
  expect(await cube.end('SIGTERM')).toEqual([0, null]);
  expect(await last).toEqual([200, { y: 1 }]);
  expect(children.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
});

function childrenOf(pid: number | undefined): readonly string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
}

/** Status and outputs of the first row. */
async function predict(name: string, inputs: readonly unknown[]): Promise<readonly [number, unknown]> {
  const answer = await fetch(`${cube.url}/models/${name}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-cube-token': token },
    body: JSON.stringify({ inputs }),
  });
  const { outputs } = (await answer.json()) as { outputs?: readonly unknown[] };
  return [answer.status, outputs?.[0]];
}
