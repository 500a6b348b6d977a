import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readReference } from '../../bench/saju-reference.js';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { packageRoot } from '../../src/base/package-root.js';
import { createPool } from '../../src/postgres/connect.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { choosePort } from '../../src/state/ports.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { testSecret } from '../support/engine.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances } from '../support/registry.js';
import { createRole } from '../support/roles.js';
import { sajuCubeOn } from '../support/saju-cube.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const tokenOf = (cubeId: string, ...permissions: string[]) =>
  issueCubeToken(testSecret, { cubeId, permissions }, new Date()).token;
const gateway = { 'x-cube-token': tokenOf('api-gateway-cube', 'saju:call') };
const birth = { user_id: 'user-1', birth_year: 1990, birth_month: 5, birth_day: 15, birth_hour: 14, is_solar: true };

let databases: TestDatabases;
beforeAll(async () => {
  databases = await createDatabases(50);
});
afterAll(() => databases.drop());

describe('the routes', () => {
  let app: FastifyInstance;
  let closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.reverse()) await close();
    closing = [];
  });

  async function build(legacyUrl: string, statementMillis = 10_000): Promise<void> {
    const pool = createPool(legacyUrl, { applicationName: 'saju cube', max: 2, statementMillis });
    app = await sajuCubeOn(pool);
    closing.push(
      () => pool.end(),
      () => app.close(),
    );
  }

  const calculate = (headers: Record<string, string>, body: object = { ...birth, save: false }) =>
    app.inject({ method: 'POST', url: '/calculate', headers, payload: body });

  test('give the pillars of the reference', async () => {
    await build(databases.legacyUrl);
    for (const row of readReference().filter((_, place) => place % 70 === 0)) {
      const { clock: followed, longitude, day_boundary, fold } = row;
      const answer = await calculate(gateway, {
        user_id: 'reference',
        birth_year: row.year,
        birth_month: row.month,
        birth_day: row.day,
        birth_hour: row.hour,
        birth_minute: row.minute,
        is_solar: true,
        clock: followed,
        longitude,
        day_boundary,
        fold,
        save: false,
      });
      const { year_pillar, month_pillar, day_pillar, hour_pillar } = answer.json<Record<string, string>>();
      expect([row.text, [year_pillar, month_pillar, day_pillar, hour_pillar].join(' ')]).toEqual([
        row.text,
        row.pillars,
      ]);
    }
  });

  test('a write check keeps, changes and removes a record, leaves nothing behind, and says what a role may not', async () => {
    const check = (permission: string) =>
      app.inject({
        method: 'POST',
        url: '/_cube/write-check',
        headers: { authorization: `Bearer ${tokenOf('control', permission)}` },
      });
    const left = async () =>
      (await databases.legacy.query(`select * from saju_records where user_id like 'cubeshift%'`)).rows;
    await build(databases.legacyUrl);
    expect((await check('migration:write')).json()).toEqual({ writable: true, sentence: null });
    expect(await left()).toEqual([]);
    expect((await check('saju:call')).statusCode).toBe(404);
    expect((await app.inject({ method: 'POST', url: '/_cube/write-check', headers: gateway })).statusCode).toBe(404);
    const reader = await createRole(databases.legacy);
    closing.push(() => reader.drop());
    for (const grants of ['select', 'select, insert', 'select, insert, update']) {
      await databases.legacy.query(`grant ${grants} on saju_records to ${reader.name}`);
      if (grants.includes('insert'))
        await databases.legacy.query(`grant usage on sequence saju_records_id_seq to ${reader.name}`);
      await build(reader.url(databases.legacyUrl));
      expect((await check('migration:write')).json()).toMatchObject({ writable: false, sentence: expect.any(String) });
    }
    await databases.legacy.query(`grant delete on saju_records to ${reader.name}`);
    await build(reader.url(databases.legacyUrl));
    expect((await check('migration:write')).json()).toEqual({ writable: true, sentence: null });
    expect(await left()).toEqual([]);
  });

  test('are for the gateway, and for others with a token for them', async () => {
    await build(databases.legacyUrl);
    expect((await calculate({})).statusCode).toBe(401);
    expect((await calculate({ authorization: 'Bearer no-token' })).statusCode).toBe(401);
    expect((await calculate({ authorization: `Bearer ${tokenOf('ai-cube', 'ai:call')}` })).statusCode).toBe(403);
    expect((await calculate({ authorization: `Bearer ${tokenOf('ai-cube', 'saju:call')}` })).statusCode).toBe(200);
    expect((await calculate({ ...gateway, authorization: 'Bearer of-a-user' })).statusCode).toBe(200);
    expect((await app.inject({ url: '/nowhere' })).statusCode).toBe(401);
    expect((await app.inject({ url: '/health' })).statusCode).toBe(200);
    const { statusCode, headers } = await app.inject({ url: '/nowhere', headers: gateway });
    expect([statusCode, headers['content-type']]).toEqual([404, 'application/problem+json; charset=utf-8']);
  });

  test('need no more of legacy than to read and write that one table', async () => {
    const role = await createRole(databases.legacy);
    await databases.legacy.query(
      `grant select, insert, update, delete on saju_records to ${role.name};
       grant usage on sequence saju_records_id_seq to ${role.name}`,
    );
    await build(role.url(databases.legacyUrl));
    const made = await calculate(gateway, birth);
    expect(made.statusCode).toBe(201);
    const url = `/records/${made.json<{ id: number }>().id}`;
    for (const [method, payload, status] of [
      ['GET', undefined, 200],
      ['PATCH', { interpretation: 'a' }, 200],
      ['DELETE', undefined, 204],
    ] as const) {
      const answer = await app.inject({ method, url, headers: gateway, ...(payload === undefined ? {} : { payload }) });
      expect([method, answer.statusCode]).toEqual([method, status]);
    }
    for (const close of closing.reverse()) await close();
    closing = [];
    await role.drop();
  });

  test('answer 503, in time, while a database is away or hangs, and serve what needs none', async () => {
    const proxy = await TcpProxy.before(databases.legacyUrl);
    closing.push(() => proxy.close());
    await build(proxy.url, 300);
    expect((await calculate(gateway, birth)).statusCode).toBe(201);
    proxy.silence();
    const hung = await app.inject({ url: '/records/1', headers: gateway });
    expect([hung.statusCode, hung.json<{ type: string }>().type]).toEqual([503, 'legacy_unreachable']);
    proxy.refuse();
    expect((await calculate(gateway, birth)).statusCode).toBe(503);
    expect((await calculate(gateway)).statusCode).toBe(200);
    proxy.heal();
    await until('the database to be back', async () => (await calculate(gateway, birth)).statusCode === 201);
  });
});

describe('the program', () => {
  let server: OwnRedis;
  let redis: RedisConnection;
  let program: ChildProcess | undefined;
  beforeAll(async () => {
    server = await OwnRedis.start();
    redis = connectRedis(server.url, { onError: () => undefined });
    await until('redis to be connected', async () => redis.status === 'ready');
  });
  afterEach(() => program?.kill('SIGKILL'));
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const start = (environment: Record<string, string>) => {
    program = spawn(process.execPath, [join(packageRoot(), 'dist', 'src', 'services', 'saju', 'main.js')], {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return program;
  };
  const entries = async () => readInstances(redis, 'saju-cube');

  test('registers, serves, reports its databases, drains and leaves', async () => {
    const port = await choosePort(0, new Set());
    const cube = start({
      LEGACY_DATABASE_URL: databases.legacyUrl,
      CUBE_DATABASE_URL: databases.cubeUrl,
      REDIS_URL: server.url,
      CUBE_JWT_SECRET: testSecret,
      CUBE_PORT: String(port),
      CUBE_VERSION: '7.0',
      INSTANCE_ID: 'saju-7',
      LOG_LEVEL: 'error',
    });
    const ended = once(cube, 'exit');
    const [entry] = await until('the cube to be ready', async () => {
      const found = await entries();
      return found[0]?.state === 'ready' ? found : undefined;
    });
    const url = `http://127.0.0.1:${port}`;
    expect(entry).toMatchObject({ instance_id: 'saju-7', version: '7.0', url });
    const health: unknown = await (await fetch(`${url}/health`)).json();
    expect(health).toMatchObject({ status: 'ok', dependencies: { legacy_database: 'ok', cube_database: 'ok' } });
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    const answer = await fetch(`${url}/calculate`, {
      method: 'POST',
      headers: { ...gateway, 'content-type': 'application/json' },
      body: JSON.stringify(birth),
    });
    expect([answer.status, await answer.json()]).toMatchObject([201, { hour_pillar: '계미' }]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('saju_cube_requests_total{method="POST",endpoint="/calculate",status="201"} 1');
    cube.kill('SIGTERM');
    await until('the cube to drain', async () => (await entries())[0]?.state === 'draining');
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    expect(await ended).toEqual([0, null]);
    expect(await entries()).toEqual([]);
  });

  test('writes as a role of its own, where the engine’s may only read', async () => {
    const [reader, writer] = [await createRole(databases.legacy), await createRole(databases.legacy)];
    try {
      await databases.legacy.query(
        `grant select on saju_records to ${reader.name};
         grant select, insert, update, delete on saju_records to ${writer.name};
         grant usage on sequence saju_records_id_seq to ${writer.name}`,
      );
      const port = await choosePort(0, new Set());
      const cube = start({
        LEGACY_DATABASE_URL: reader.url(databases.legacyUrl),
        SAJU_CUBE_LEGACY_URL: writer.url(databases.legacyUrl),
        CUBE_DATABASE_URL: databases.cubeUrl,
        REDIS_URL: server.url,
        CUBE_JWT_SECRET: testSecret,
        CUBE_PORT: String(port),
        LOG_LEVEL: 'error',
      });
      const ended = once(cube, 'exit');
      await until('the cube to be ready', async () => (await entries())[0]?.state === 'ready');
      const answer = await fetch(`http://127.0.0.1:${port}/calculate`, {
        method: 'POST',
        headers: { ...gateway, 'content-type': 'application/json' },
        body: JSON.stringify(birth),
      });
      expect([answer.status, await answer.json()]).toMatchObject([201, { hour_pillar: '계미' }]);
      cube.kill('SIGTERM');
      await ended;
    } finally {
      await reader.drop();
      await writer.drop();
    }
  });

  test('says what its environment lacks, and does not start', async () => {
    const cube = start({ LEGACY_DATABASE_URL: databases.legacyUrl, CUBE_JWT_SECRET: 'short' });
    let said = '';
    cube.stderr?.on('data', (chunk) => {
      said += String(chunk);
    });
    expect(await once(cube, 'exit')).toEqual([2, null]);
    for (const name of ['CUBE_DATABASE_URL', 'REDIS_URL', 'CUBE_JWT_SECRET']) expect(said).toContain(name);
    expect(said).not.toContain('short');
  });
});
