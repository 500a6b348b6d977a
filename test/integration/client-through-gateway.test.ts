import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { CubeAPIClient, CubeAPIError } from '../../src/client/index.js';
import { connectRedis } from '../../src/redis/connection.js';
import { choosePort } from '../../src/state/ports.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { OwnRedis } from '../support/own-redis.js';

/** The whole way of a frontend's call: client, gateway, then the cube for one user and the monolith for another. */
const userSecret = 'what the login signs with, thirty-two bytes or more';
/** Buckets 12 and 70 by the contract: half of the users on the cube parts them. */
const users = { onCube: 'user-2', onLegacy: 'alice' };
const programs: ChildProcess[] = [];
let folder: string;
let databases: TestDatabases;
let redis: OwnRedis;
let gatewayUrl: string;
let cubeUrl: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-client-'));
  [databases, redis] = await Promise.all([createDatabases(20), OwnRedis.start()]);
  const taken = new Set<number>();
  const portOf = async () => {
    const port = await choosePort(0, taken);
    taken.add(port);
    return String(port);
  };
  const [legacyPort, cubePort, gatewayPort] = [await portOf(), await portOf(), await portOf()];
  const secrets = { CUBE_JWT_SECRET: 'what cubes sign with, thirty-two bytes or more', USER_JWT_SECRET: userSecret };
  const shared = { ...secrets, REDIS_URL: redis.url, LOG_LEVEL: 'error', STATE_DIR: folder };
  const legacy = { LEGACY_DATABASE_URL: databases.legacyUrl };
  start(['legacy', 'saju-service.js'], { ...legacy, PORT: legacyPort });
  start(['src', 'services', 'saju', 'main.js'], {
    ...shared,
    ...legacy,
    CUBE_DATABASE_URL: databases.cubeUrl,
    CUBE_PORT: cubePort,
  });
  start(['src', 'services', 'gateway', 'main.js'], {
    ...shared,
    LEGACY_SAJU_URL: `http://127.0.0.1:${legacyPort}`,
    CUBE_PORT: gatewayPort,
  });
  gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
  cubeUrl = `http://127.0.0.1:${cubePort}`;
  const flags = connectRedis(redis.url, { onError: () => undefined });
  await until('redis', () => flags.status === 'ready');
  await flags.set('saju_cube_user_percentage', '50');
  flags.disconnect();
  const look = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(birthOf('x')) };
  for (const [user, target] of [
    [users.onCube, 'cube'],
    [users.onLegacy, 'legacy'],
  ] as const) {
    const headers = { ...look.headers, authorization: `Bearer ${await tokenOf(user)}` };
    await until(`${user} to be on ${target}`, () =>
      fetch(`${gatewayUrl}/api/saju/calculate`, { ...look, headers }).then(
        (response) => response.ok && response.headers.get('x-cube-target') === target,
        () => false,
      ),
    );
  }
});
afterAll(async () => {
  for (const program of programs) {
    const ended = once(program, 'exit');
    program.kill('SIGKILL');
    await ended;
  }
  await redis.stop();
  await databases.drop();
  rmSync(folder, { recursive: true, force: true });
});

test('a user gets the same from the client, whichever side serves', async () => {
  const stories = await Promise.all(Object.values(users).map(storyOf));
  expect(stories[0]).toEqual(stories[1]);
  const metrics = await (await fetch(`${cubeUrl}/metrics`)).text();
  expect(metrics).toContain('saju_cube_requests_total{method="DELETE",endpoint="/records/:id",status="204"} 1');
});

test('an invalid token is refused, and no call needs one', async () => {
  const refused = new CubeAPIClient({ baseUrl: gatewayUrl, token: 'not-a-token' });
  const error: unknown = await refused.callSajuCube('calculate', birthOf('user-1')).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CubeAPIError);
  expect(error).toMatchObject({ status: 401, problem: { type: 'unauthorized' } });
  const anonymous = new CubeAPIClient({ baseUrl: gatewayUrl });
  expect(await anonymous.callSajuCube('calculate', birthOf('user-1'))).toMatchObject({ hour_pillar: '계미' });
});

/** All that a user can do with a chart, without the ids and times that chance makes. */
async function storyOf(user: string): Promise<unknown> {
  const client = new CubeAPIClient({ baseUrl: gatewayUrl, token: () => tokenOf(user) });
  const owner = `사용자 of ${user}`;
  const chart = await client.callSajuCube('calculate', { ...birthOf(owner), save: true });
  const record = `records/${chart.id}` as const;
  const read = await client.callSajuCube(record, undefined, { method: 'GET' });
  const changed = await client.callSajuCube(record, { interpretation: '좋은 사주' }, { method: 'PATCH' });
  const page = await client.callSajuCube(`users/${encodeURIComponent(owner)}/records`, { limit: 1 }, { method: 'GET' });
  const impossible = { ...birthOf(owner), birth_month: 2, birth_day: 30 };
  const refusal: unknown = await client.callSajuCube('calculate', impossible).catch((error: unknown) => error);
  const deleted = await client.callSajuCube(record, undefined, { method: 'DELETE' });
  const gone: unknown = await client
    .callSajuCube(record, undefined, { method: 'GET' })
    .catch((error: unknown) => error);
  const failures = [refusal, gone].map((error) => (error instanceof CubeAPIError ? error.failure : error));
  const { warnings, ...kept } = chart;
  expect([read, page.items]).toEqual([kept, [changed]]);
  const told = { ...changed, id: 0, user_id: '', created_at: '', updated_at: '' };
  return { warnings, told, next: page.next_cursor, failures, deleted };
}

function birthOf(user_id: string) {
  const day = { birth_year: 1990, birth_month: 5, birth_day: 15, birth_hour: 14, birth_minute: 30 };
  return { user_id, ...day, is_solar: true, save: false };
}

function tokenOf(user: string): Promise<string> {
  const token = new SignJWT().setProtectedHeader({ alg: 'HS256' }).setIssuer('heal7-users').setSubject(user);
  return token.setExpirationTime('1h').sign(new TextEncoder().encode(userSecret));
}

function start(path: readonly string[], environment: Record<string, string>): void {
  const program = spawn(process.execPath, [join(packageRoot(), 'dist', ...path)], {
    env: environment,
    stdio: 'inherit',
  });
  programs.push(program);
}
