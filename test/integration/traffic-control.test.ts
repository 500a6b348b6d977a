import { SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../src/auth/tokens.js';
import { defaultOptionsOf } from '../../src/domain/catalog.js';
import { isMigrationId } from '../../src/domain/migration/migration.js';
import { readAudit } from '../../src/postgres/audit.js';
import { recordStart } from '../../src/postgres/ledger/runs.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { buildControlApp } from '../../src/services/control/app.js';
import { type CubeWorkflows, createCubeWorkflows } from '../../src/services/control/cubes/cube-workflows.js';
import { createMigrationWorkflows, type MigrationWorkflows } from '../../src/services/control/migrations/workflows.js';
import { createRampWorkflows, type RampWorkflows } from '../../src/services/control/traffic/ramp-workflows.js';
import { readFlags } from '../../src/traffic/flags.js';
import { runCommand } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { watchAnswers } from '../support/documented-answers.js';
import { prove, testSecret } from '../support/engine.js';
import { OwnRedis } from '../support/own-redis.js';

/** Weights by the control API and by the command line, on a Redis of this file. */
let databases: TestDatabases;
let server: OwnRedis;
let redis: RedisConnection;
let workflows: MigrationWorkflows;
let cubeWorkflows: CubeWorkflows;
let ramps: RampWorkflows;
let app: Awaited<ReturnType<typeof buildControlApp>>;
let url: string;
let undocumented: ReturnType<typeof watchAnswers>;
const tokens = createTokenVerifier({ current: testSecret }, () => new Date());

beforeAll(async () => {
  databases = await createDatabases(1);
  await upgradeLedger(databases.cubeUrl);
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined, commandMillis: 300 });
  const temporal = { address: inject('servers').temporalAddress };
  workflows = createMigrationWorkflows(temporal, 'default', prove);
  cubeWorkflows = createCubeWorkflows(temporal, 'default', prove);
  ramps = createRampWorkflows(temporal, 'default', prove);
  const clock = () => new Date();
  app = await buildControlApp({
    admits: () => true,
    cube: databases.cube,
    redis,
    workflows,
    cubeWorkflows,
    ramps,
    keptVersions: async () => undefined,
    warmVersionOf: async () => undefined,
    store: () => expect.fail('no store is used'),
    moveTarget: () => expect.fail('nothing is moved'),
    reach: () => undefined,
    maxInstances: 8,
    calls: { call: async () => undefined },
    secret: () => testSecret,
    tokens,
    clock,
    logger: false,
  });
  undocumented = watchAnswers(app);
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
beforeEach(async () => {
  await until('a connection', () => redis.status === 'ready');
  await redis.flushall();
});
afterAll(async () => {
  await app.close();
  expect(undocumented()).toEqual([]);
  await workflows.close();
  await cubeWorkflows.close();
  await ramps.close();
  redis.disconnect();
  await server.stop();
  await databases.drop();
});

async function call(
  method: 'GET' | 'PUT',
  cube: string,
  body?: unknown,
  permissions = ['migration:read', 'migration:write'],
  headers: Readonly<Record<string, string>> = {},
) {
  const { token } = issueCubeToken(testSecret, { cubeId: 'operator', permissions }, new Date());
  const response = await fetch(`${url}/v1/traffic/${cube}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...headers,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('nothing set reads as open and 0 %, by the name and by the cube id', async () => {
  const nothing = {
    cube: 'saju',
    cube_id: 'saju-cube',
    enabled: true,
    percentage: 0,
    allow: [],
    deny: [],
    revision: 0,
  };
  expect(await call('GET', 'saju')).toEqual({ status: 200, body: { ...nothing, changed: null, problems: [] } });
  expect((await call('GET', 'saju-cube')).body).toMatchObject(nothing);
});

test('a change writes the keys of the contract, and what it does not name stays', async () => {
  const first = await call('PUT', 'saju', { enabled: true, percentage: 10, allow: ['사용자-1', 'a/b'], deny: [] });
  expect(first).toMatchObject({ status: 200, body: { percentage: 10, allow: ['사용자-1', 'a/b'], revision: 1 } });
  expect(await redis.mget('saju_cube_enabled', 'saju_cube_user_percentage')).toEqual(['true', '10']);
  expect((await readAudit(databases.cube, { before: '1000000', limit: 1 }))[0]).toMatchObject({
    actor: 'operator',
    action: 'traffic.set',
    subject: 'saju',
    details: {
      enabled: true,
      percentage: 10,
      allowed_users: 2,
      denied_users: 0,
      was: { enabled: true, percentage: 0 },
    },
  });
  const second = await call('PUT', 'saju', { enabled: false, deny: ['alice'], why: 'alice complains' });
  expect(second.body).toMatchObject({ enabled: false, percentage: 10, allow: ['사용자-1', 'a/b'], deny: ['alice'] });
  expect(second.body.changed).toMatchObject({ by: 'operator', why: 'alice complains' });
  expect((await call('PUT', 'saju', { allow: [] })).body).toMatchObject({ allow: [], deny: ['alice'], revision: 3 });
  expect((await call('GET', 'saju')).body).toMatchObject({ enabled: false, allow: [], deny: ['alice'] });
});

test('who changed a weight is the holder of the token, with the person that the client names', async () => {
  const person = { 'x-claimed-by': encodeURIComponent('이 서연'), 'x-os-user': 'root' };
  const { body } = await call('PUT', 'saju', { percentage: 5 }, undefined, person);
  expect(body.changed).toMatchObject({ by: 'operator (says: 이 서연)' });
  // What a rollback of its own closed it reopens: no claim makes a change look like one of those.
  const plan = { 'x-claimed-by': encodeURIComponent('rollback/saju-cube/1') };
  const closed = await call('PUT', 'saju', { enabled: false }, undefined, plan);
  expect(closed.body.changed).toMatchObject({ by: 'operator (says: rollback/saju-cube/1)' });
  expect((await readFlags(redis, 'saju')).closedBy).toBe('operator (says: rollback/saju-cube/1)');
});

test.each([
  ['""', { percentage: '' }],
  ['"5"', { percentage: '5' }],
  ['5%', { percentage: '5%' }],
  ['-1', { percentage: -1 }],
  ['101', { percentage: 101 }],
  ['5.5', { percentage: 5.5 }],
  ['null, as JSON writes NaN', { percentage: Number.NaN }],
  ['NaN itself', '{"percentage":NaN}'],
  ['enabled as a text', { enabled: 'false' }],
  ['an empty user', { allow: [''] }],
  ['a user that has no UTF-8', '{"deny":["\\ud800"]}'],
  ['an unknown field', { percent: 5 }],
  ['nothing', {}],
  ['a reason alone', { why: 'because' }],
  ['no object', '5'],
])('%s is refused and changes nothing', async (_what, body) => {
  await call('PUT', 'saju', { percentage: 7 });
  const { status, body: problem } = await call('PUT', 'saju', body);
  expect({ status, type: problem.type }).toEqual({ status: 400, type: 'invalid_input' });
  expect((await call('GET', 'saju')).body).toMatchObject({ percentage: 7, revision: 1 });
});

test.each(['frontend-cube', 'nothing', 'security-cube', '__proto__', 'Saju'])(
  '%s has no traffic: 404',
  async (cube) => {
    expect((await call('GET', cube)).status).toBe(404);
    expect((await call('PUT', cube, { percentage: 5 })).status).toBe(404);
    expect(await redis.dbsize()).toBe(0);
  },
);

test('the events of a migration end with the token of their request: at its time, and with its secret', async () => {
  const id = 'followed';
  if (!isMigrationId(id)) throw new Error(`${id} is not an id`);
  const start = { id, kind: 'saju-records', mode: 'copy', options: defaultOptionsOf('saju-records') } as const;
  await recordStart(databases.cube, { ...start, idempotencyKey: undefined, by: 'test' });
  const changed = 'another secret of the tests, thirty-two bytes or more';
  const follow = async (secret: string, seconds: number) => {
    const issued = Math.floor(Date.now() / 1000);
    const token = await new SignJWT({ cube_id: 'x', permissions: ['migration:read'] })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('heal7-security-cube')
      .setIssuedAt(issued)
      .setExpirationTime(issued + seconds)
      .sign(new TextEncoder().encode(secret));
    const answer = await fetch(`${url}/v1/migrations/${id}/events`, { headers: { authorization: `Bearer ${token}` } });
    let ended = false;
    const all = answer.text().then(() => {
      ended = true;
      return Date.now() / 1000;
    });
    return { status: answer.status, all, isOver: () => ended };
  };
  try {
    const expires = Math.floor(Date.now() / 1000) + 2;
    const [short, former, right] = await Promise.all([
      follow(testSecret, 2),
      follow(testSecret, 3600),
      follow(testSecret, 3600),
    ]);
    expect(short.status).toBe(200);
    expect(await short.all).toBeGreaterThanOrEqual(expires);
    tokens.useSecrets({ current: changed, previous: testSecret });
    const next = await follow(changed, 3600);
    expect([former.isOver(), right.isOver(), next.isOver()]).toEqual([false, false, false]);
    tokens.useSecrets({ current: changed });
    await Promise.all([former.all, right.all]);
    expect(next.isOver()).toBe(false);
    tokens.useSecrets({ current: testSecret });
    await next.all;
  } finally {
    tokens.useSecrets({ current: testSecret });
    await databases.cube.query('delete from ledger.migrations where id = $1', [id]);
  }
});

test('a migration and the metrics show the weight as it is, and while Redis is away as it was', async () => {
  const id = 'weighed';
  if (!isMigrationId(id)) throw new Error(`${id} is not an id`);
  const start = { id, kind: 'saju-records', mode: 'copy', options: defaultOptionsOf('saju-records') } as const;
  await recordStart(databases.cube, { ...start, idempotencyKey: undefined, by: 'test' });
  const { token } = issueCubeToken(testSecret, { cubeId: 'operator', permissions: ['migration:read'] }, new Date());
  const told = async () => {
    const headers = { authorization: `Bearer ${token}` };
    const one = (await (await fetch(`${url}/v1/migrations/weighed`, { headers })).json()) as { traffic: unknown };
    const all = (await (await fetch(`${url}/v1/migrations`, { headers })).json()) as { items: { traffic: unknown }[] };
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const weight = /^migration_traffic_weight\{cube="saju"\} (\d+)$/m.exec(metrics)?.[1];
    return { one: one.traffic, all: all.items.map(({ traffic }) => traffic), weight };
  };
  await call('PUT', 'saju', { percentage: 37 });
  const open = { enabled: true, percentage: 37 };
  expect(await told()).toEqual({ one: open, all: [open], weight: '37' });
  await call('PUT', 'saju', { enabled: false });
  const closed = { enabled: false, percentage: 37 };
  expect(await told()).toEqual({ one: closed, all: [closed], weight: '0' });
  server.signal('SIGSTOP');
  try {
    expect(await told()).toEqual({ one: closed, all: [closed], weight: '0' });
  } finally {
    server.signal('SIGCONT');
  }
  await until('Redis to be used again', async () => (await call('GET', 'saju')).status === 200);
});

test('reading and setting need their permissions', async () => {
  expect((await call('GET', 'saju', undefined, ['migration:write'])).status).toBe(403);
  expect((await call('PUT', 'saju', { percentage: 1 }, ['migration:read'])).status).toBe(403);
  expect((await fetch(`${url}/v1/traffic/saju`)).status).toBe(401);
});

test('only the first of two who expect the same percentage changes it', async () => {
  await call('PUT', 'saju', { percentage: 10 });
  const answers = await Promise.all(
    [11, 12, 13].map((percentage) => call('PUT', 'saju', { percentage, only_if_percentage: 10 })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
});

test('a bad value in Redis is reported, and corrected by the next PUT', async () => {
  await redis.set('saju_cube_user_percentage', '5%');
  expect((await call('GET', 'saju')).body).toMatchObject({ percentage: null, problems: [expect.any(String)] });
  expect((await call('PUT', 'saju', { percentage: 5 })).body).toMatchObject({ percentage: 5, problems: [] });
});

test('without Redis the answer is 503 within a second, and comes back with it', async () => {
  server.signal('SIGSTOP');
  try {
    const asked = performance.now();
    expect(await call('GET', 'saju')).toMatchObject({ status: 503, body: { type: 'redis_unreachable' } });
    expect(performance.now() - asked).toBeLessThan(1500);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  } finally {
    server.signal('SIGCONT');
  }
  await until('Redis to be used again', async () => (await call('GET', 'saju')).status === 200);
});

test('the command line sets and shows what the API does, with its exit codes', async () => {
  const variables = { CONTROL_URL: url, CUBE_JWT_SECRET: testSecret };
  const traffic = (...args: readonly string[]) => runCommand(['traffic', ...args], variables);
  const set = await traffic('set', 'saju', '25', '--allow', 'alice', 'bob', '--why', 'a trial', '--json');
  expect({ code: set.code, talk: set.stderr }).toEqual({ code: 0, talk: '' });
  expect(JSON.parse(set.stdout)).toMatchObject({ percentage: 25, allow: ['alice', 'bob'], deny: [] });
  const got = await traffic('get', 'saju-cube');
  expect(got.stdout).toContain('saju: 25 % of users');
  expect(got.stdout).toContain('alice, bob');
  expect((await traffic('set', 'saju', '--enabled', 'false', '--allow', '')).stdout).toContain('closed');
  expect(await redis.get('saju_cube_enabled')).toBe('false');
  for (const args of [
    ['set', 'saju', '5%'],
    ['set', 'saju', '101'],
    ['set', 'saju', ''],
    ['set', 'saju'],
    ['set', 'saju', '5', '--enabled', 'no'],
  ])
    expect([args, (await traffic(...args)).code]).toEqual([args, 2]);
  expect((await traffic('set', 'saju', '30', '--only-if', '24')).code).toBe(4);
  expect((await call('GET', 'saju')).body).toMatchObject({ percentage: 25, enabled: false, allow: [] });
});
