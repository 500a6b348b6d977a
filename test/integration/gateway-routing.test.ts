import { SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import {
  cubeSecret,
  metricsOf,
  sendJson,
  sendRaw,
  startGateway,
  statusOf,
  type TestGateway,
  TestUpstream,
  userSecret,
} from '../support/gateway.js';

let legacy: TestUpstream;
let cube: TestUpstream;
let models: TestUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  legacy = await TestUpstream.start('legacy');
  cube = await TestUpstream.start('cube');
  models = await TestUpstream.start('models');
  gateway = await startGateway({
    legacy: { saju: legacy.url },
    cubes: [
      ['saju-cube', [cube.endpoint]],
      ['ai-cube', [models.endpoint]],
    ],
  });
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([legacy.stop(), cube.stop(), models.stop()]);
});
beforeEach(() => {
  legacy.seen.length = 0;
  cube.seen.length = 0;
  gateway.controls.weight(0);
  gateway.controls.killed = false;
});

const get = (headers: Record<string, string> = {}, path = '/api/saju/records/1') =>
  fetch(`${gateway.url}${path}`, { headers });
const targetOf = async (headers: Record<string, string>) => (await get(headers)).headers.get('x-cube-target');

function userToken(claims: Record<string, unknown> = {}, secret = userSecret): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ sub: 'user-2', iss: 'heal7-users', exp: now + 60, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}

describe('a user', () => {
  test.each([
    ['user-1', 19],
    ['user-2', 12],
    ['alice', 70],
    [Buffer.from('사용자-1', 'utf8').toString('latin1'), 32],
  ])('%s is on the cube from the percentage above the bucket on', async (user, bucket) => {
    gateway.controls.weight(bucket);
    const text = Buffer.from(`GET /api/saju/records/1 HTTP/1.1\r\nHost: a\r\nX-User-Id: ${user}\r\n\r\n`, 'latin1');
    expect(await sendRaw(gateway.port, text)).toContain('X-Cube-Target: legacy');
    gateway.controls.weight(bucket + 1);
    expect(await sendRaw(gateway.port, text)).toContain('X-Cube-Target: cube');
    expect(cube.seen[0]?.headers['x-user-id']).toBe(user);
  });

  test('of a token is on the side of its bucket, and no header says otherwise', async () => {
    gateway.controls.weight(13);
    const authorization = `Bearer ${await userToken()}`;
    expect(await targetOf({ authorization, 'x-user-id': 'alice' })).toBe('cube');
    expect(cube.seen[0]?.headers).toMatchObject({ 'x-user-id': 'user-2', authorization });
  });

  test('that is not ASCII in a token has the bucket of its UTF-8', async () => {
    gateway.controls.weight(33);
    expect(await targetOf({ authorization: `Bearer ${await userToken({ sub: '사용자-1' })}` })).toBe('cube');
    gateway.controls.weight(32);
    expect(await targetOf({ authorization: `Bearer ${await userToken({ sub: '사용자-1' })}` })).toBe('legacy');
  });

  test('of lists goes where they say; the kill switch is above them', async () => {
    gateway.controls.weight(50, { allow: ['alice'], deny: ['user-1'] });
    expect(await targetOf({ 'x-user-id': 'alice' })).toBe('cube');
    expect(await targetOf({ 'x-user-id': 'user-1' })).toBe('legacy');
    gateway.controls.killed = true;
    expect(await targetOf({ 'x-user-id': 'alice' })).toBe('legacy');
  });

  test('an unidentified user is on legacy until all are on the cube', async () => {
    gateway.controls.weight(99);
    expect(await targetOf({})).toBe('legacy');
    expect(await targetOf({ 'x-user-id': '' })).toBe('legacy');
    gateway.controls.weight(100);
    expect(await targetOf({})).toBe('cube');
  });

  test('named twice is refused', async () => {
    const answer = await sendRaw(
      gateway.port,
      'GET /api/saju/records/1 HTTP/1.1\r\nHost: a\r\nX-User-Id: a\r\nx-user-id: b\r\n\r\n',
    );
    expect(statusOf(answer)).toBe(400);
  });

  test.each(['alice ', ' alice', 'al\nice', 'al\0ice', '\u007f'])(
    'whose id %j a header would change is refused',
    async (sub) => {
      const answer = await get({ authorization: `Bearer ${await userToken({ sub })}` });
      expect(answer.status).toBe(400);
      expect(legacy.seen).toEqual([]);
    },
  );
});

describe('a bearer', () => {
  const seconds = () => Math.floor(Date.now() / 1000);
  test.each([
    ['is no token', async () => 'nonsense'],
    ['is empty', async () => ''],
    [
      'has no algorithm',
      async () => `${btoa('{"alg":"none"}').replaceAll('=', '')}.${btoa('{"sub":"a"}').replaceAll('=', '')}.`,
    ],
    ['has another key', () => userToken({}, 'another secret of thirty-two bytes and more')],
    ['has another issuer', () => userToken({ iss: 'heal7-security-cube' })],
    ['is over', () => userToken({ exp: seconds() - 1 })],
    ['has no end', () => userToken({ exp: undefined })],
    ['is of the future', () => userToken({ nbf: seconds() + 600 })],
    ['names nobody', () => userToken({ sub: undefined })],
    ['has 12 kB', () => userToken({ much: 'a'.repeat(9000) })],
    ['is two words', async () => `${await userToken()} x`],
  ])('that %s is 401, never an unidentified user', async (_name, token) => {
    const answer = await get({ authorization: `Bearer ${await token()}` });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(legacy.seen).toEqual([]);
  });

  test('of 100 kB is refused for its size', async () => {
    expect((await get({ authorization: `Bearer ${'a'.repeat(100_000)}` })).status).toBe(431);
  });

  test('of another scheme, or twice, is refused', async () => {
    expect((await get({ authorization: 'Basic YTpi' })).status).toBe(401);
    const token = await userToken();
    const twice = `GET /api/saju/records/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    expect(statusOf(await sendRaw(gateway.port, twice))).toBe(400);
  });

  test('of a cube is right, and names no user', async () => {
    gateway.controls.weight(99);
    const { token } = issueCubeToken(cubeSecret, { cubeId: 'ai-cube', permissions: [] }, new Date());
    expect(await targetOf({ authorization: `Bearer ${token}`, 'x-user-id': 'user-1' })).toBe('legacy');
    expect(legacy.seen[0]?.headers['x-user-id']).toBeUndefined();
  });
});

describe('the hop', () => {
  test('to a cube is signed for that cube alone; legacy never sees it', async () => {
    await get({ 'x-user-id': 'user-2' });
    expect(legacy.seen[0]?.headers['x-cube-token']).toBeUndefined();
    gateway.controls.weight(100);
    await get({ 'x-user-id': 'user-2' });
    const token = String(cube.seen[0]?.headers['x-cube-token']);
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    expect(claims).toMatchObject({
      cube_id: 'api-gateway-cube',
      permissions: ['saju:call'],
      iss: 'heal7-security-cube',
    });
  });
});

describe('from elsewhere than a trusted edge', () => {
  test('X-User-Id and what else only an edge may say is dropped', async () => {
    const far = await startGateway({ legacy: { saju: legacy.url }, trustedEdges: ['10.0.0.0/8'] });
    try {
      await fetch(`${far.url}/api/saju/records/1`, {
        headers: { 'x-user-id': 'alice', 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https' },
      });
      expect(legacy.seen[0]?.headers['x-user-id']).toBeUndefined();
      expect(legacy.seen[0]?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' });
    } finally {
      await far.stop();
    }
  });

  test('a trusted edge adds to the chain', async () => {
    await get({ 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https' });
    expect(legacy.seen[0]?.headers).toMatchObject({
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      'x-forwarded-proto': 'https',
    });
  });
});

describe('ownership', () => {
  const owned = { owner: 'cube', epoch: 1, completed: false, reverseSyncWithinLimit: true } as const;
  const calculate = (body: unknown) =>
    fetch(`${gateway.url}/api/saju/calculate`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });

  test.each([
    ['a calculation that is saved', () => calculate({ save: true }), 'cube'],
    ['a calculation that says nothing of saving', () => calculate({}), 'cube'],
    ['a calculation that is not saved', () => calculate({ save: false }), 'legacy'],
    [
      'a body that cannot be read',
      () => fetch(`${gateway.url}/api/saju/calculate`, { method: 'POST', body: '{save:false}' }),
      'cube',
    ],
    ['a record', () => get(), 'legacy'],
    [
      'a record that is changed',
      () => fetch(`${gateway.url}/api/saju/records/1`, { method: 'PATCH', body: '{}' }),
      'cube',
    ],
    ['a route that nobody declared', () => get({}, '/api/saju/unknown'), 'cube'],
  ])('by the cube outranks the flags for what writes: %s', async (_name, call, target) => {
    gateway.controls.ownership = owned;
    try {
      expect((await call()).headers.get('x-cube-target')).toBe(target);
    } finally {
      gateway.controls.ownership = { ...owned, owner: 'legacy', epoch: 0 };
    }
  });
});

describe('a cube that is not there', () => {
  test.each(['/api/paperwork/files/1', '/api/crawler/jobs', '/', '/anything'])('is 503 at %s', async (path) => {
    const answer = await get({}, path);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await answer.json()).toMatchObject({ type: 'upstream_unavailable', status: 503 });
  });

  test('while legacy is the owner, legacy serves its users', async () => {
    gateway.controls.weight(100);
    gateway.controls.cubes.set('saju-cube', []);
    try {
      expect(await targetOf({ 'x-user-id': 'alice' })).toBe('legacy');
      gateway.controls.ownership = { owner: 'cube', epoch: 1, completed: false, reverseSyncWithinLimit: true };
      expect((await get({ 'x-user-id': 'alice' })).status).toBe(503);
    } finally {
      gateway.controls.ownership = { owner: 'legacy', epoch: 0, completed: false, reverseSyncWithinLimit: true };
      gateway.controls.cubes.set('saju-cube', [cube.endpoint]);
    }
  });
});

describe('of itself', () => {
  const token = (permissions: string[]) =>
    issueCubeToken(cubeSecret, { cubeId: 'control', permissions }, new Date()).token;

  test('it serves health, readiness and metrics to everybody', async () => {
    expect(await (await get({}, '/health')).json()).toMatchObject({
      status: 'ok',
      version: '0.0.0',
      dependencies: { redis: 'ok' },
    });
    expect(await (await get({}, '/ready')).json()).toEqual({ ready: true });
    await get();
    const metrics = await (await get({}, '/metrics')).text();
    expect(metrics).toMatch(/^gateway_upstream_requests_total\{cube="saju",target="legacy",status="200"\} \d+$/m);
    expect(metrics).toMatch(
      /^api_gateway_cube_requests_total\{method="GET",endpoint="\/api\/saju\/records\/:id",status="200"\} \d+$/m,
    );
    expect(metrics).toMatch(/^api_gateway_cube_cpu_usage_percent [\d.]+$/m);
    expect(metrics).toMatch(/^api_gateway_cube_memory_usage_bytes \d+$/m);
  });

  test('it serves latencies only to a token that may read migrations', async () => {
    await get({ 'x-user-id': 'alice' });
    const path = '/_gateway/latencies?cube=saju';
    expect((await get({}, path)).status).toBe(401);
    expect((await get({ authorization: `Bearer ${token([])}` }, path)).status).toBe(403);
    const answer = await get({ authorization: `Bearer ${token(['migration:read'])}` }, path);
    const { legacy: medians } = (await answer.json()) as { legacy: number[] };
    expect(medians.length).toBeGreaterThan(0);
    expect(
      (await get({ authorization: `Bearer ${token(['migration:read'])}` }, '/_gateway/latencies?cube=x')).status,
    ).toBe(400);
    expect((await get({ authorization: `Bearer ${token(['migration:read'])}` }, '/_gateway/x')).status).toBe(404);
  });
});

describe('the series by user', () => {
  test('count each user once a window, and a failure of one is a failed user', async () => {
    const failing = await TestUpstream.start('failing', (req, res) =>
      sendJson(res, {}, req.headers['x-user-id'] === 'bob' ? 500 : 200),
    );
    const counted = await startGateway({ legacy: { saju: failing.url }, limits: { windowMillis: 200 } });
    counted.controls.weight(0, { allow: ['vip'] });
    const ask = (user: string, more = {}) =>
      fetch(`${counted.url}/api/saju/records/1`, { headers: { 'x-user-id': user, ...more } });
    try {
      for (const user of ['alice', 'alice', 'bob', 'bob', 'carol', '']) await ask(user);
      await ask('robot', { 'x-cube-synthetic': '1' });
      await ask('vip');
      await expect
        .poll(
          async () => {
            const text = await metricsOf(counted);
            return [...text.matchAll(/^gateway_window_(\w+)_total\{cube="saju",target="legacy"\} (\d+)$/gm)].map(
              ([, name, value]) => `${name} ${value}`,
            );
          },
          { timeout: 5000 },
        )
        .toEqual(expect.arrayContaining(['failed_requests 2']));
      const text = await metricsOf(counted);
      const value = (name: string) =>
        Number(
          new RegExp(`^gateway_window_${name}_total\\{cube="saju",target="legacy"\\} (\\d+)$`, 'm').exec(text)?.[1],
        );
      // A window may end between two of the requests.
      expect(value('users')).toBeGreaterThanOrEqual(3);
      expect(value('users')).toBeLessThanOrEqual(5);
      expect(value('requests')).toBe(5);
      expect(value('failed_users')).toBeGreaterThanOrEqual(1);
      expect(value('failed_users')).toBeLessThanOrEqual(2);
    } finally {
      await counted.stop();
      await failing.stop();
    }
  });
});
