import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../src/auth/tokens.js';
import { findCube } from '../../src/domain/cubes.js';
import { buildCube, type CubeApp, runCube } from '../../src/http/cube.js';
import { createInterCubeCalls, type InterCubeCall, type InterCubeCalls } from '../../src/http/inter-cube-calls.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { until } from '../support/conditions.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances } from '../support/registry.js';

/** One cube that asks another, with real instances in a real registry. */
const secret = 'a secret of the tests, thirty-two bytes or more';
let server: OwnRedis;
let redis: RedisConnection;
let calls: InterCubeCalls;
/** What instances of the saju cube were asked: instance, path, and what came with it. */
let seen: { instance: string; url: string; caller: string; headers: Record<string, unknown> }[] = [];
/** How instances answer until told otherwise. */
let answer: (instance: string, reply: FastifyReply) => unknown;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined });
  await until('redis', () => redis.status === 'ready');
});
beforeEach(() => {
  seen = [];
  answer = (instance) => ({ instance });
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function built(cubeId: string, instanceId: string): Promise<CubeApp> {
  const clock = () => new Date();
  const definition = findCube(cubeId) ?? expect.fail(`no ${cubeId}`);
  const tokens = createTokenVerifier({ current: secret }, clock);
  const shared = { definition, version: '1.0.0', instanceId, logger: false, clock, tokens, dependencies: {} } as const;
  return buildCube({ ...shared, permission: cubeId === 'saju-cube' ? 'saju:call' : 'ai:call' });
}

async function run(app: CubeApp): Promise<string> {
  const end = new AbortController();
  const ended = runCube(app, {
    redis,
    secret: () => secret,
    host: '127.0.0.1',
    port: 0,
    signal: end.signal,
    drainMillis: 10,
  });
  stops.push(() => {
    end.abort();
    return ended;
  });
  if (!app.server.listening) await once(app.server, 'listening');
  const address = app.server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

async function sajuCube(instanceId: string): Promise<CubeApp> {
  const app = await built('saju-cube', instanceId);
  app.get('/records/:id', async (request, reply) => {
    const caller = app.cube.authorization.callerOf(request).cubeId;
    seen.push({ instance: instanceId, url: request.url, caller, headers: request.headers });
    return answer(instanceId, reply);
  });
  await run(app);
  return app;
}

/** A cube that needs a record of the saju cube for each of its own answers. */
async function aiCube(
  more: Partial<InterCubeCall> = {},
): Promise<(headers?: Record<string, string>) => Promise<Response>> {
  const ready = (await readInstances(redis, 'saju-cube')).length;
  calls = await createInterCubeCalls({
    callerId: 'ai-cube',
    secret: () => secret,
    clock: () => new Date(),
    redis,
    admits: () => true,
    cubeIds: ['saju-cube'],
  });
  stops.push(() => calls.close());
  const app = await built('ai-cube', `ai-of-${ready}`);
  app.get('/about/:id', async (_request, reply) => {
    const found = await calls.call('saju-cube', {
      method: 'GET',
      path: '/records/7',
      route: '/records/:id',
      reply: reply,
      ...more,
    });
    return { status: found.status, said: JSON.parse(found.body.toString()) };
  });
  const url = await run(app);
  const { token } = issueCubeToken(secret, { cubeId: 'tester', permissions: ['ai:call'] }, new Date());
  return (headers = {}) => fetch(`${url}/about/1`, { headers: { authorization: `Bearer ${token}`, ...headers } });
}

async function readyInstances(count: number): Promise<void> {
  await until('instances to be ready', async () => {
    const states = (await readInstances(redis, 'saju-cube')).map(({ state }) => state);
    return states.length === count && states.every((state) => state === 'ready');
  });
}

test('carries its own token, and request id, trace and time limit of the request that needs it', async () => {
  await sajuCube('one');
  await readyInstances(1);
  const ask = await aiCube();
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const asked = { 'x-request-id': 'r-1', traceparent: `00-${trace}-b7ad6b7169203331-01`, 'x-request-deadline': '5000' };
  const answered = await ask({ ...asked, 'x-user-id': 'somebody' });
  expect(await answered.json()).toEqual({ status: 200, said: { instance: 'one' } });
  const [call] = seen;
  expect(call).toMatchObject({ caller: 'ai-cube', headers: { 'x-request-id': 'r-1' } });
  expect(call?.headers['x-user-id']).toBeUndefined();
  // The caller's own span is the parent.
  expect(call?.headers.traceparent).toBe(answered.headers.get('traceparent'));
  expect(call?.headers.traceparent).toContain(trace);
  const left = Number(call?.headers['x-request-deadline']);
  expect(left).toBeLessThanOrEqual(5000);
  expect(left).toBeGreaterThan(3000);
});

test('ends within the time limit of its own caller', async () => {
  answer = () => new Promise(() => undefined);
  await sajuCube('one');
  await readyInstances(1);
  const ask = await aiCube();
  const begun = performance.now();
  expect((await ask({ 'x-request-deadline': '300' })).status).toBe(504);
  expect(performance.now() - begun).toBeLessThan(5000);
});

test('without time left, or with an invalid path, makes no call and counts against no instance', async () => {
  await sajuCube('one');
  await readyInstances(1);
  const late = await aiCube();
  for (let asked = 0; asked < 25; asked++) expect((await late({ 'x-request-deadline': '0' })).status).toBe(504);
  const wrong = await aiCube({ path: '/records/가' });
  for (let asked = 0; asked < 25; asked++) expect((await wrong()).status).toBe(500);
  expect(seen).toEqual([]);
  expect((await late()).status).toBe(200);
});

test('callers that share one call each have their own time limit', async () => {
  let letGo = () => undefined as unknown;
  answer = (instance) => new Promise((resolve) => (letGo = () => resolve({ instance })));
  await sajuCube('one');
  await readyInstances(1);
  const ask = await aiCube({ cacheable: true });
  const hurried = ask({ 'x-request-deadline': '200' });
  await until('the call', () => seen.length === 1);
  const patient = ask();
  expect((await hurried).status).toBe(504);
  letGo();
  expect((await patient).status).toBe(200);
  expect(seen.length).toBe(1);
});

test('is 503 for the caller without an instance', async () => {
  const ask = await aiCube();
  const answered = await ask();
  expect([answered.status, answered.headers.get('content-type')]).toEqual([
    503,
    'application/problem+json; charset=utf-8',
  ]);
});

describe('of two instances', () => {
  test('both are called; one that breaks connections is called no more than necessary, and costs no answer', async () => {
    await sajuCube('one');
    await sajuCube('two');
    await readyInstances(2);
    const ask = await aiCube();
    for (let asked = 0; asked < 40; asked++) expect((await ask()).status).toBe(200);
    expect(new Set(seen.map(({ instance }) => instance))).toEqual(new Set(['one', 'two']));
    answer = (instance, reply) => {
      if (instance === 'two') reply.raw.destroy();
      return { instance };
    };
    seen = [];
    for (let asked = 0; asked < 40; asked++) expect((await ask()).status).toBe(200);
    // Ejected after five failures in a row.
    expect(seen.filter(({ instance }) => instance === 'two').length).toBe(5);
  });
});

test('a route that fails is left alone for a while', async () => {
  answer = (_instance, reply) => reply.code(500).send({});
  await sajuCube('one');
  await readyInstances(1);
  const ask = await aiCube();
  for (let asked = 0; asked < 20; asked++) expect(await (await ask()).json()).toMatchObject({ status: 500 });
  expect((await ask()).status).toBe(503);
  expect(seen.length).toBe(20);
});

test('makes one call for a thousand concurrent misses, and one each for a response that may not be shared', async () => {
  await sajuCube('one');
  await readyInstances(1);
  const kept = await aiCube({ cacheable: true });
  const answered = await Promise.all(Array.from({ length: 1000 }, () => kept()));
  expect(new Set(answered.map(({ status }) => status))).toEqual(new Set([200]));
  expect(seen.length).toBe(1);
  const plain = await aiCube();
  await plain();
  await plain();
  expect(seen.length).toBe(3);
});
