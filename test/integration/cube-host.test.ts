import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../src/auth/tokens.js';
import { Failure } from '../../src/base/failures.js';
import { findCube } from '../../src/domain/cubes.js';
import { buildCube, type CubeApp, type CubeOptions, runCube } from '../../src/http/cube.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { until } from '../support/conditions.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances } from '../support/registry.js';

/** What every cube has, on a cube that has next to nothing of its own. */
const secret = 'a secret of the tests, thirty-two bytes or more';
const definition = findCube('saju-cube') ?? expect.fail('no saju-cube');
let server: OwnRedis;
let redis: RedisConnection;
let said: string[];
let answering: boolean;
let release: () => void;
let running: { app: CubeApp; url: string; stop: () => Promise<void> } | undefined;

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined });
  await until('redis to be connected', () => redis.status === 'ready');
});
beforeEach(() => {
  said = [];
  answering = true;
});
afterEach(async () => {
  release?.();
  await running?.stop();
  running = undefined;
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function build(more: Partial<CubeOptions> = {}): Promise<CubeApp> {
  const log = new Writable({
    write(chunk, _encoding, done) {
      said.push(String(chunk));
      done();
    },
  });
  const app = await buildCube({
    definition,
    version: '1.2.3',
    instanceId: 'one',
    logger: pino({ level: 'info' }, log),
    clock: () => new Date(),
    tokens: createTokenVerifier({ current: secret }, () => new Date()),
    permission: 'saju:call',
    dependencies: {
      database: async () => {
        if (!answering) throw new Error('the database is away');
      },
    },
    optionalDependencies: { redis: () => redis.ping() },
    ...more,
  });
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  app.get('/whoami', async (request) => ({
    caller: app.cube.authorization.callerOf(request).cubeId,
    user: app.cube.authorization.userOf(request) ?? null,
  }));
  app.get('/things/:id', async () => ({}));
  app.post('/things', async () => ({}));
  app.get('/slow', async () => {
    await held;
    return { done: true };
  });
  app.get('/broken', async () => {
    throw new Error('a text that may quote a record');
  });
  return app;
}

async function run(more: Partial<CubeOptions> = {}): Promise<{ app: CubeApp; url: string; stop: () => Promise<void> }> {
  const app = await build(more);
  const end = new AbortController();
  const ended = runCube(app, {
    redis,
    secret: () => secret,
    host: '127.0.0.1',
    port: 0,
    signal: end.signal,
    drainMillis: 100,
  });
  await until('the cube to listen', () => app.server.listening);
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  running = {
    app,
    url: `http://127.0.0.1:${address.port}`,
    stop: () => {
      end.abort();
      return ended;
    },
  };
  return running;
}

const tokenOf = (cubeId: string, permissions: string[] = ['saju:call'], at = new Date()) =>
  issueCubeToken(secret, { cubeId, permissions }, at).token;
const caller = () => ({ authorization: `Bearer ${tokenOf('ai-cube')}` });
const stateOf = async () => (await readInstances(redis, 'saju-cube')).map(({ state }) => state).join();

/** A connection below HTTP, and everything that comes back on it. */
function openRaw(url: string): { readonly socket: Socket; readonly closed: Promise<string> } {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('utf8');
  });
  socket.on('error', () => undefined);
  return { socket, closed: once(socket, 'close').then(() => answer) };
}

/** Sends bytes as they are and returns everything that comes back. */
function sendRaw(url: string, bytes: string): Promise<string> {
  const { socket, closed } = openRaw(url);
  socket.write(bytes);
  return closed;
}

describe('health and readiness', () => {
  test('show version, instance, state and each dependency', async () => {
    const app = await build();
    const answer = await app.inject('/health');
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      {
        status: 'ok',
        cube_id: 'saju-cube',
        instance_id: 'one',
        version: '1.2.3',
        state: 'starting',
        uptime_seconds: expect.any(Number),
        dependencies: { database: 'ok', redis: 'ok' },
      },
    ]);
    await app.close();
  });

  test('alive is 200 with a dependency away, ready is 503 and names it', async () => {
    const app = await build({ optionalDependencies: { mail: () => Promise.reject(new Error('away')) } });
    expect((await app.inject('/ready')).statusCode).toBe(200);
    answering = false;
    const health = await app.inject('/health');
    expect([health.statusCode, health.json()]).toMatchObject([
      200,
      { status: 'degraded', dependencies: { database: 'unreachable', mail: 'unreachable' } },
    ]);
    const ready = await app.inject('/ready');
    expect([ready.statusCode, ready.json()]).toMatchObject([503, { ready: false, waiting_for: ['database'] }]);
    await app.close();
  });

  test('a dependency that hangs is unreachable after a second, and is probed once however many requests wait', async () => {
    let asked = 0;
    const app = await build({
      dependencies: {
        database: () => {
          asked++;
          return new Promise(() => undefined);
        },
      },
    });
    const begun = Date.now();
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.inject('/ready')));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 503));
    expect(Date.now() - begun).toBeLessThan(5000);
    expect(asked).toBe(1);
    await app.close();
  });
});

describe('a call', () => {
  test('without a token is 401, health, readiness and metrics excepted', async () => {
    const app = await build();
    for (const url of ['/whoami', '/things/1', '/nowhere']) expect((await app.inject(url)).statusCode).toBe(401);
    for (const url of ['/health', '/ready', '/metrics']) expect((await app.inject(url)).statusCode).toBe(200);
    await app.close();
  });

  test('straight from another cube needs the permission, and speaks for no user', async () => {
    const app = await build();
    const headers = { ...caller(), 'x-user-id': 'user-1' };
    expect((await app.inject({ url: '/whoami', headers })).json()).toEqual({ caller: 'ai-cube', user: null });
    const lacking = { authorization: `Bearer ${tokenOf('ai-cube', ['ai:call'])}` };
    const refused = await app.inject({ url: '/whoami', headers: lacking });
    expect([refused.statusCode, refused.json().detail]).toEqual([403, expect.stringContaining('saju:call')]);
    await app.close();
  });

  test('of the gateway speaks for the user it names, whose own bearer is left alone', async () => {
    const app = await build();
    const hop = { 'x-cube-token': tokenOf('api-gateway-cube') };
    const of = async (headers: Record<string, string>) =>
      (await app.inject({ url: '/whoami', headers: { ...hop, ...headers } })).json();
    expect(await of({ authorization: 'Bearer a.users.token', 'x-user-id': 'user-1' })).toEqual({
      caller: 'api-gateway-cube',
      user: 'user-1',
    });
    const onTheWire = Buffer.from('사용자-1', 'utf8').toString('latin1');
    expect(await of({ 'x-user-id': onTheWire })).toMatchObject({ user: '사용자-1' });
    expect(await of({ 'x-user-id': '' })).toMatchObject({ user: null });
    await app.close();
  });

  const past = new Date(Date.now() - 3_601_000);
  const future = new Date(Date.now() + 120_000);
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const body = tokenOf('api-gateway-cube').split('.')[1];
  const otherIssuer = () => {
    const [head] = tokenOf('a').split('.');
    const now = Math.floor(Date.now() / 1000);
    const claims = { cube_id: 'a', permissions: ['saju:call'], iat: now, exp: now + 60, iss: 'heal7-users', sub: 'a' };
    const signed = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  test.each([
    ['nothing', ''],
    ['nonsense', 'x'],
    ['the algorithm none', `${none}.${body}.`],
    ['another key', issueCubeToken(`${secret}.`, { cubeId: 'a', permissions: ['saju:call'] }, new Date()).token],
    ['another issuer and kind', otherIssuer()],
    ['an expired token', tokenOf('api-gateway-cube', ['saju:call'], past)],
    ['a token of the future', tokenOf('api-gateway-cube', ['saju:call'], future)],
    ['9 kB', `${tokenOf('api-gateway-cube')}${'x'.repeat(9000)}`],
  ])('with %s as its token is 401 by either way, on open routes too', async (_what, token) => {
    const app = await build();
    for (const headers of [{ authorization: `Bearer ${token}` }, { 'x-cube-token': token }] as const)
      for (const url of ['/whoami', '/health']) {
        const answer = await app.inject({ url, headers });
        expect(answer.statusCode).toBe(401);
        expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
        expect(answer.headers['www-authenticate']).toBe('Bearer');
      }
    await app.close();
  });

  test('with the token of a cube that is not the gateway in X-Cube-Token is 403', async () => {
    const app = await build();
    const answer = await app.inject({ url: '/whoami', headers: { 'x-cube-token': tokenOf('ai-cube') } });
    expect([answer.statusCode, answer.json().type]).toEqual([403, 'forbidden']);
    await app.close();
  });
});

describe('an answer and its log lines', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';

  test('carry the request id and the trace of the caller', async () => {
    const app = await build();
    const headers = {
      ...caller(),
      'x-request-id': 'call-7',
      'x-cube-call': 'from-gateway_1-17',
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    };
    const answer = await app.inject({ url: '/broken', headers });
    expect(answer.headers['x-request-id']).toBe('call-7');
    expect(answer.headers['x-cube-call']).toBe('from-gateway_1-17');
    expect(answer.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect(answer.headers.traceparent).not.toContain('b7ad6b7169203331');
    const lines = said.map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatchObject({ request_id: 'call-7', trace_id: traceId });
    expect(said.join('')).not.toContain('may quote a record');
    expect(answer.body).not.toContain('may quote a record');
    await app.close();
  });

  test.each(['', 'a b', '{"x":1}', 'x'.repeat(129), '사용자'])('do not repeat the request id %j', async (id) => {
    const app = await build();
    const answer = await app.inject({ url: '/whoami', headers: { ...caller(), 'x-request-id': id } });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    await app.close();
  });

  test.each([
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-b7ad6b7169203331-01`,
    `00-${traceId}-b7ad6b7169203331-01-more`,
    `00-${traceId.toUpperCase()}-b7ad6b7169203331-01`,
    'x',
  ])('begin a trace of their own after %s', async (traceparent) => {
    const app = await build();
    const answer = await app.inject({ url: '/whoami', headers: { ...caller(), traceparent } });
    expect(answer.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(answer.headers.traceparent).not.toContain(traceId);
    await app.close();
  });
});

describe('limits', () => {
  const problem = (answer: string) => {
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head.toLowerCase()).toContain('content-type: application/problem+json');
    return JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1)).status;
  };
  const get = (path: string, headers: string) =>
    `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`;

  test('headers larger than 16 KiB, more than 100 of them, a URL longer than 8 KiB are refused', async () => {
    const { url } = await run();
    expect(problem(await sendRaw(url, get('/health', `x-a: ${'a'.repeat(17_000)}\r\n`)))).toBe(431);
    const many = Array.from({ length: 100 }, (_, place) => `x-${place}: a\r\n`).join('');
    expect(problem(await sendRaw(url, get('/health', many)))).toBe(431);
    expect(problem(await sendRaw(url, get(`/health?${'a'.repeat(8200)}`, '')))).toBe(414);
  });

  test('what is not HTTP, a path that is no path and a body that is too large are refused', async () => {
    const { url } = await run();
    expect(problem(await sendRaw(url, 'nonsense\r\n\r\n'))).toBe(400);
    expect(problem(await sendRaw(url, get('/things/%zz', '')))).toBe(400);
    const post = (body: unknown) =>
      fetch(`${url}/things`, {
        method: 'POST',
        headers: { ...caller(), 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await post({})).status).toBe(200);
    expect((await post('x'.repeat(2 ** 20 + 1))).status).toBe(413);
  });

  test('headers that trickle in are cut off after ten seconds', async () => {
    const { url } = await run();
    const { socket, closed } = openRaw(url);
    socket.write('GET /health HTTP/1.1\r\nhost: x\r\n');
    const trickle = setInterval(() => socket.write('x-a: a\r\n'), 500);
    const begun = Date.now();
    const answer = await closed;
    clearInterval(trickle);
    expect(Date.now() - begun).toBeLessThan(20_000);
    expect(problem(answer)).toBe(408);
  });
});

describe('a running cube', () => {
  test('is in the registry as ready once its dependencies answer, with its own address', async () => {
    answering = false;
    const { url } = await run();
    await until('the entry', async () => (await stateOf()) === 'starting');
    answering = true;
    await until('it to be ready', async () => (await stateOf()) === 'ready');
    expect(await readInstances(redis, 'saju-cube')).toMatchObject([{ instance_id: 'one', version: '1.2.3', url }]);
  });

  test('is not ready while they do not, and again when they do', async () => {
    await run();
    await until('it to be ready', async () => (await stateOf()) === 'ready');
    answering = false;
    await until('it to be out', async () => (await stateOf()) === 'starting');
    answering = true;
    await until('it to be back', async () => (await stateOf()) === 'ready');
  });

  test('drains before it ends: says so, answers what is under way, leaves the registry', async () => {
    const { app, url, stop } = await run();
    await until('it to be ready', async () => (await stateOf()) === 'ready');
    const slow = fetch(`${url}/slow`, { headers: caller() });
    await until('the slow request', () => said.some((line) => line.includes('/slow')));
    const stopped = stop();
    await until('it to drain', async () => (await stateOf()) === 'draining');
    expect((await fetch(`${url}/ready`).catch(() => undefined))?.status ?? 503).toBe(503);
    await until('the listener to close', () => !app.server.listening);
    release();
    expect(await (await slow).json()).toEqual({ done: true });
    await stopped;
    expect(await stateOf()).toBe('');
  });

  test('comes up, serves and ends without Redis, and is found once Redis is there', async () => {
    await server.kill();
    const { url, stop } = await run();
    await until('it to be ready', async () => (await fetch(`${url}/ready`)).ok);
    expect((await fetch(`${url}/whoami`, { headers: caller() })).status).toBe(200);
    await server.revive();
    await until('it to be found', async () => (await stateOf().catch(() => '')) === 'ready');
    await server.kill();
    await stop();
    await server.revive();
  });

  test('counts its requests by route pattern', async () => {
    const { url } = await run();
    await fetch(`${url}/things/7`, { headers: caller() });
    await fetch(`${url}/things/8`, { headers: caller() });
    await fetch(`${url}/nowhere/8`, { headers: caller() });
    await sleep(0);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('saju_cube_requests_total{method="GET",endpoint="/things/:id",status="200"} 2');
    expect(metrics).toContain('saju_cube_requests_total{method="GET",endpoint="unknown",status="404"} 1');
    for (const name of ['request_duration_seconds_bucket', 'cpu_usage_percent', 'memory_usage_bytes'])
      expect(metrics).toContain(`saju_cube_${name}`);
    expect(metrics).not.toContain('/things/7');
  });
});

test('errors of the technology behind a cube have the failure type of its own module', async () => {
  const app = await build({
    translate: (error) =>
      error instanceof Error ? new Failure('legacy_unreachable', 'Legacy is away.', { cause: error }) : undefined,
  });
  const answer = await app.inject({ url: '/broken', headers: caller() });
  expect([answer.statusCode, answer.json().type]).toEqual([503, 'legacy_unreachable']);
  await app.close();
});
