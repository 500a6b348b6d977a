import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { cubeDefinitions } from '../../src/domain/cubes.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { type InstanceState, setActiveVersion } from '../../src/registry/instances.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { Engine } from '../support/engine.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances, registerInstance } from '../support/registry.js';

/** What the control API tells of cubes. */
let server: OwnRedis;
let redis: RedisConnection;
let databases: TestDatabases;
let engine: Engine;
const endings: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined });
  databases = await createDatabases(0);
  engine = await Engine.start({ ...databases, redisUrl: server.url });
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
  redis.disconnect();
  await server.stop();
});

async function start(
  instanceId: string,
  version: string,
  answer: RequestListener,
  state: InstanceState = 'ready',
): Promise<string> {
  const listener = createServer(answer);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const registration = registerInstance(
    redis,
    { cube_id: 'saju-cube', instance_id: instanceId, url, version, state, started_at: 1_764_000_000_000 },
    { everyMillis: 200 },
  );
  endings.push(async () => {
    await registration.close();
    listener.closeAllConnections();
    listener.close();
  });
  await until('the entry', async () =>
    (await readInstances(redis, 'saju-cube')).some((entry) => entry.instance_id === instanceId),
  );
  return url;
}

const saying =
  (body: unknown): RequestListener =>
  (_request, response) =>
    void response.end(JSON.stringify(body));
const well = saying({ status: 'ok', dependencies: { legacy_database: 'ok' } });
const look = async () => (await engine.call('GET', '/v1/cubes/saju-cube')).body;

test('lists every cube of the system, also those of which nothing runs', async () => {
  const { status, body } = await engine.call('GET', '/v1/cubes');
  expect(status).toBe(200);
  const { items } = body as { items: { cube_id: string; health: string; instances: unknown[] }[] };
  expect(items.map(({ cube_id }) => cube_id)).toEqual(cubeDefinitions.map(({ cubeId }) => cubeId));
  expect(items.find(({ cube_id }) => cube_id === 'ai-cube')).toEqual({
    cube_id: 'ai-cube',
    type: 'core_service',
    port: 8002,
    prefix: '/api/ai/',
    traffic_name: 'ai',
    health: 'absent',
    active_version: null,
    versions: [],
    instances: [],
  });
});

test('shows instances, versions and health of one', async () => {
  const url = await start('two', '1.0.0', well);
  await start('one', '1.1.0', well);
  await setActiveVersion(redis, 'saju-cube', '1.1.0');
  expect(await look()).toMatchObject({
    health: 'ok',
    active_version: '1.1.0',
    versions: ['1.0.0', '1.1.0'],
    instances: [
      { instance_id: 'one' },
      {
        instance_id: 'two',
        url,
        version: '1.0.0',
        state: 'ready',
        started_at: '2025-11-24T16:00:00.000Z',
        heartbeat_at: expect.stringMatching(/Z$/),
        health: 'ok',
        dependencies: { legacy_database: 'ok' },
      },
    ],
  });
});

test('shows the version that serves before the first deployment, and none where several may', async () => {
  await redis.del('cubeshift:version:saju-cube');
  await start('first', '1.0.0', well);
  await start('coming', '1.1.0', well, 'starting');
  expect(await look()).toMatchObject({ active_version: '1.0.0' });
  await start('second', '1.1.0', well);
  expect(await look()).toMatchObject({ active_version: null });
});

test.each<[string, RequestListener]>([
  ['hangs', () => undefined],
  ['talks nonsense', (_request, response) => void response.end('<html>')],
  ['says null', saying(null)],
  ['says what is not known', saying({ status: 'splendid' })],
  ['fails', (_request, response) => void response.writeHead(500).end('{"status":"ok"}')],
])('one that %s is unreachable, and the others are shown all the same', async (_what, answer) => {
  await start('ill', '1.0.0', answer);
  expect(await look()).toMatchObject({ health: 'unreachable' });
  await start('well', '1.0.0', well);
  expect(await look()).toMatchObject({
    health: 'degraded',
    instances: [{ instance_id: 'ill', health: 'unreachable', dependencies: {} }, { health: 'ok' }],
  });
});

test('one with a dependency away, or that drains, makes it degraded', async () => {
  const replaced = { count: 1, names: ['sound', 7] };
  const dependencies = { legacy_database: 'unreachable', odd: 7 };
  await start('one', '1.0.0', saying({ status: 'degraded', dependencies, replaced_models: replaced }));
  await start('two', '1.0.0', saying({ status: 'degraded', dependencies, replaced_models: { count: 'many' } }));
  const shown = { health: 'degraded', dependencies: { legacy_database: 'unreachable' } };
  expect(await look()).toMatchObject({
    health: 'degraded',
    instances: [
      { ...shown, replaced_models: { count: 1, names: ['sound'] } },
      { ...shown, replaced_models: null },
    ],
  });
  for (const end of endings.splice(0)) await end();
  await start('two', '1.0.0', well, 'draining');
  expect(await look()).toMatchObject({ health: 'degraded', instances: [{ state: 'draining', health: 'ok' }] });
});

test('an unknown cube is 404, Redis away 503, each a problem', async () => {
  expect(await engine.call('GET', '/v1/cubes/tofu-cube')).toMatchObject({
    status: 404,
    body: { type: 'not_found', hint: 'See the cubes with `cubeshift status`.' },
  });
  expect((await engine.call('GET', '/v1/cubes/NOT_ONE')).status).toBe(400);
  await server.kill();
  expect(await engine.call('GET', '/v1/cubes')).toMatchObject({ status: 503, body: { type: 'redis_unreachable' } });
  await server.revive();
  await until('the API to see Redis again', async () => (await engine.call('GET', '/v1/cubes')).status === 200);
});
