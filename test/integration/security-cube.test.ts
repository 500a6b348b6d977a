import { spawn, spawnSync } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../src/auth/tokens.js';
import { packageRoot } from '../../src/base/package-root.js';
import type { AuditedAct } from '../../src/domain/audit.js';
import { cubeDefinitions, findCube } from '../../src/domain/cubes.js';
import type { CubeApp } from '../../src/http/cube.js';
import { createRateLimiter } from '../../src/http/rate-limit.js';
import { appendAudit, checkAudit, readAudit } from '../../src/postgres/audit.js';
import { createPool } from '../../src/postgres/connect.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { takeSharedToken } from '../../src/redis/scripts/take-token.js';
import { buildSecurityCube, type SecurityCubeOptions } from '../../src/services/security/app.js';
import { until } from '../support/conditions.js';
import { createDatabase, dropDatabase } from '../support/databases.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances } from '../support/registry.js';

/** The security cube, its limits on a real Redis, its audit in a real database. */
const secret = 'a secret of the tests, thirty-two bytes or more';
const previous = 'the secret before it, thirty-two bytes or more';
const definition = findCube('security-cube') ?? expect.fail('no security-cube');
const rates = { address: { perSecond: 1, burst: 1000 }, subject: { perSecond: 0.1, burst: 5 } };
const database = `t${randomBytes(6).toString('hex')}`;
let databaseUrl: string;
let pool: pg.Pool;
let server: OwnRedis;
let redis: RedisConnection;
let app: CubeApp;
let now: Date;

beforeAll(async () => {
  databaseUrl = await createDatabase(inject('servers').cubeUrl, database);
  await upgradeLedger(databaseUrl);
  pool = createPool(databaseUrl, { applicationName: 'test', max: 3 });
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined, commandMillis: 200 });
});
beforeEach(async () => {
  now = new Date();
  await until('redis to be connected', () => redis.status === 'ready');
  await redis.flushall();
  // Its limits begin anew too: a loaded Redis that answers one test late makes it count alone for a second.
  app = await build();
});
afterEach(() => app.close());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  await pool.end();
  await dropDatabase(inject('servers').cubeUrl, database);
});

function build(
  limits = rates,
  record = (act: AuditedAct): Promise<unknown> => appendAudit(pool, act),
  others: Partial<Pick<SecurityCubeOptions, 'tokens' | 'secret' | 'reloadSecrets'>> = {},
): Promise<CubeApp> {
  const clock = () => now;
  return buildSecurityCube({
    definition,
    version: '1.0.0',
    instanceId: 'one',
    logger: false,
    clock,
    tokens: createTokenVerifier({ current: secret, previous }, clock),
    secret: () => secret,
    record,
    limiter: createRateLimiter({ redis, name: 'security' }),
    rates: limits,
    dependencies: {},
    optionalDependencies: { redis: () => redis.ping() },
    ...others,
  });
}

const tokenWith = (...permissions: string[]) => issueCubeToken(secret, { cubeId: 'operator', permissions }, now).token;
const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');

async function post(url: string, payload: unknown, token?: string, cube = app) {
  const answer = await cube.inject({
    method: 'POST',
    url,
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    payload: JSON.stringify(payload),
  });
  return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
}
const validate = async (token: unknown) => (await post('/tokens/validate', { token })).body;

describe('POST /tokens', () => {
  const holder = () => tokenWith('token:issue', 'saju:call', 'migration:read');

  test('issues a token that any library accepts, for an hour', async () => {
    const answer = await post('/tokens', { cube_id: 'reports', permissions: ['saju:call'] }, holder());
    expect(answer).toMatchObject({ status: 201, headers: { 'cache-control': 'no-store' } });
    const { payload } = await jwtVerify(answer.body.token, new TextEncoder().encode(secret), {
      algorithms: ['HS256'],
      issuer: 'heal7-security-cube',
    });
    const iat = Math.floor(now.getTime() / 1000);
    expect(payload).toEqual({
      cube_id: 'reports',
      permissions: ['saju:call'],
      iat,
      exp: iat + 3600,
      iss: 'heal7-security-cube',
      orig_iat: iat,
    });
    expect(answer.body.expires_at).toBe(new Date((iat + 3600) * 1000).toISOString().replace('Z', '000Z'));
    expect(await validate(answer.body.token)).toEqual({ valid: true, cube_id: 'reports', permissions: ['saju:call'] });
  });

  test('grants nothing, or all that the caller holds, never more', async () => {
    for (const permissions of [[], ['token:issue', 'saju:call', 'migration:read']])
      expect((await post('/tokens', { cube_id: 'a', permissions }, holder())).status).toBe(201);
    await redis.flushall();
    for (const permissions of [['records:read'], ['saju:call', 'records:read'], ['SAJU:CALL'], ['saju:call ']])
      expect(await post('/tokens', { cube_id: 'a', permissions }, tokenWith('token:issue', 'saju:call'))).toMatchObject(
        {
          status: 403,
          body: { type: 'forbidden', field: 'body.permissions' },
        },
      );
  });

  test('issues no token in the name of the gateway, which alone names the user of a call, and any other', async () => {
    const asked = { cube_id: 'api-gateway-cube', permissions: ['saju:call'] };
    expect(await post('/tokens', asked, holder())).toMatchObject({
      status: 403,
      body: { type: 'forbidden', field: 'body.cube_id' },
    });
    for (const { cubeId: cube_id } of cubeDefinitions.filter(({ cubeId }) => cubeId !== asked.cube_id)) {
      await redis.flushall();
      expect((await post('/tokens', { ...asked, cube_id }, holder())).status).toBe(201);
    }
    const gateway = issueCubeToken(secret, { cubeId: asked.cube_id, permissions: ['token:issue'] }, now).token;
    expect((await post('/tokens', { ...asked, permissions: [] }, gateway)).status).toBe(201);
  });

  test('writes to the audit before it gives the token out: caller, holder, permissions, expiry, never the token', async () => {
    const before = await checkAudit(pool);
    const asked = { cube_id: 'reports', permissions: ['saju:call', 'migration:read'] };
    const token = holder();
    const { body } = await post('/tokens', asked, token);
    const [entry, older] = await readAudit(pool, { before: String(2 ** 50), limit: 2 });
    expect(entry).toMatchObject({
      actor: 'operator',
      action: 'token.issue',
      subject: 'reports',
      details: {
        permissions: asked.permissions,
        expires_at: body.expires_at,
        token_sha256: createHash('sha256').update(token).digest('hex').slice(0, 16),
      },
      outcome: { what: 'done' },
    });
    expect(Object.keys(entry?.details ?? {})).toEqual(['outcome', 'expires_at', 'permissions', 'token_sha256']);
    expect(older?.hash ?? null).toBe(before.head?.hash ?? null);
    expect(await checkAudit(pool)).toMatchObject({ entries: before.entries + 1, broken: null });
    await post('/tokens', { ...asked, cube_id: 'api-gateway-cube' }, holder());
    await post('/tokens', { ...asked, permissions: ['records:read'] }, holder());
    expect((await checkAudit(pool)).entries).toBe(before.entries + 1);
  });

  test('issues none without its entry in the audit, and reports why', async () => {
    const deaf = await build(rates, () => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })));
    expect(await post('/tokens', { cube_id: 'a', permissions: [] }, holder(), deaf)).toMatchObject({
      status: 503,
      body: { type: 'cube_unreachable', detail: expect.stringMatching(/^No token was issued/) },
    });
    expect((await post('/tokens/validate', { token: holder() }, undefined, deaf)).body).toMatchObject({ valid: true });
    await deaf.close();
  });

  test('needs token:issue', async () => {
    const body = { cube_id: 'a', permissions: [] };
    expect(await post('/tokens', body)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    expect(await post('/tokens', body, tokenWith('saju:call', 'migration:write'))).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining('token:issue') },
    });
    const old = issueCubeToken(secret, { cubeId: 'a', permissions: ['token:issue'] }, new Date(now.getTime() - 3.7e6));
    expect(await post('/tokens', body, old.token)).toMatchObject({ status: 401, body: { detail: 'Token expired' } });
  });

  describe('to whom a token leads to the next', () => {
    const iat = () => Math.floor(now.getTime() / 1000);
    const body = { cube_id: 'a', permissions: ['token:issue'] };
    /** Made by any library: `claims` beside those that every token has. */
    const made = (claims: Readonly<Record<string, unknown>>, key = secret) => {
      const all = { iat: iat(), exp: iat() + 3600, iss: 'heal7-security-cube', ...body, ...claims };
      const signed = `${encode({ alg: 'HS256' })}.${encode(all)}`;
      return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
    };
    const issue = (token: string, cube = app) => post('/tokens', body, token, cube);
    const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

    test('is not who holds one of a secret that was changed: it could be forged by who knew that one', async () => {
      for (const claims of [{}, { orig_iat: iat() }, { cube_id: 'api-gateway-cube' }, { exp: iat() + 60 }]) {
        const old = made(claims, previous);
        expect(await validate(old)).toMatchObject({ valid: true });
        expect(await issue(old)).toMatchObject({
          status: 401,
          body: {
            type: 'unauthorized',
            detail: expect.stringContaining('changed'),
            hint: expect.stringContaining('operator'),
          },
        });
      }
      expect((await issue(made({}))).status).toBe(201);
    });

    test('is none that began its request before the secret was changed and sends the rest after it', async () => {
      const secrets = { current: previous, previous: secret };
      const checker = createTokenVerifier(secrets, () => now);
      let looked = false;
      const tokens = {
        ...checker,
        inspect: (token: string) => {
          looked = true;
          return checker.inspect(token);
        },
      };
      const slow = await build(rates, undefined, { tokens, secret: () => secrets.current });
      try {
        const address = await slow.listen({ host: '127.0.0.1', port: 0 });
        const asked = request(`${address}/tokens`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${made({}, previous)}`,
            'content-type': 'application/json',
            'content-length': JSON.stringify(body).length,
          },
        });
        const answered = once(asked, 'response');
        asked.write('{');
        await until('the token to be looked at', () => looked);
        secrets.current = secret;
        secrets.previous = previous;
        tokens.useSecrets(secrets);
        asked.end(JSON.stringify(body).slice(1));
        const [answer] = (await answered) as [IncomingMessage];
        expect(answer.statusCode).toBe(401);
      } finally {
        await slow.close();
      }
    });

    test('is a caller that knows a new secret before the cube does', async () => {
      const secrets = { current: previous, previous: secret };
      const tokens = createTokenVerifier(secrets, () => now);
      const reloadSecrets = () => {
        secrets.current = secret;
        tokens.useSecrets({ current: secret, previous });
      };
      const late = await build(rates, undefined, { tokens, secret: () => secrets.current, reloadSecrets });
      const { status, body: issued } = await issue(made({}), late);
      expect(status).toBe(201);
      await expect(jwtVerify(issued.token, new TextEncoder().encode(secret))).resolves.toBeDefined();
      await late.close();
    });

    test('is who began within the last 24 hours, counted from the first token whatever comes between', async () => {
      const began = now.getTime();
      let token = made({});
      for (const minutes of [59, 118, 177]) {
        now = new Date(began + minutes * 60_000);
        const answer = await issue(token);
        expect(answer.status).toBe(201);
        token = answer.body.token;
        expect(claimsOf(token)).toEqual({
          ...body,
          iss: 'heal7-security-cube',
          iat: iat(),
          exp: iat() + 3600,
          orig_iat: Math.floor(began / 1000),
        });
        await expect(
          jwtVerify(token, new TextEncoder().encode(secret), { currentDate: now, issuer: 'heal7-security-cube' }),
        ).resolves.toBeDefined();
      }
      const day = 86_400;
      expect((await issue(made({ orig_iat: iat() - day + 1 }))).status).toBe(201);
      expect(await issue(made({ orig_iat: iat() - day }))).toMatchObject({
        status: 401,
        body: { detail: expect.stringContaining('24 hours'), hint: expect.stringContaining('operator') },
      });
    });

    test('is none whose first token is younger than its own, or has no valid time', async () => {
      for (const first of [iat() + 1, iat() + 86_400, 1e300, '0', null, {}, []])
        for (const token of [made({ orig_iat: first }), made({ orig_iat: first }, previous)]) {
          expect([first, (await issue(token)).status]).toEqual([first, 401]);
          expect(await validate(token)).toEqual({ valid: false, error: 'Invalid token' });
        }
    });

    test('is who has a clock that is a little ahead, and the token says a first time that is not after its own', async () => {
      const { status, body: issued } = await issue(made({ iat: iat() + 60, exp: iat() + 3660 }));
      expect([status, claimsOf(issued.token).orig_iat]).toEqual([201, iat()]);
      expect(await validate(issued.token)).toMatchObject({ valid: true });
    });
  });

  test.each([
    ['no cube_id', { permissions: [] }, 'body.cube_id'],
    ['an empty cube_id', { cube_id: '', permissions: [] }, 'body.cube_id'],
    ['a cube_id that is a number', { cube_id: 7, permissions: [] }, 'body.cube_id'],
    ['a cube_id that a terminal would carry out', { cube_id: 'a\u001b]0;x\u0007', permissions: [] }, 'body.cube_id'],
    ['a cube_id of two lines', { cube_id: 'a\nb', permissions: [] }, 'body.cube_id'],
    ['a cube_id that turns the writing', { cube_id: 'a\u202eb', permissions: [] }, 'body.cube_id'],
    ['no permissions', { cube_id: 'a' }, 'body.permissions'],
    ['permissions as a text', { cube_id: 'a', permissions: 'saju:call' }, 'body.permissions'],
    ['permissions of numbers', { cube_id: 'a', permissions: [1] }, 'body.permissions.0'],
    ['a permission twice', { cube_id: 'a', permissions: ['saju:call', 'saju:call'] }, 'body.permissions'],
    ['an unknown member', { cube_id: 'a', permissions: [], admin: true }, 'body.admin'],
    ['a list', [], 'body'],
    ['null', null, 'body'],
  ])('refuses %s, the field named', async (_what, body, field) => {
    expect(await post('/tokens', body, tokenWith('token:issue'))).toMatchObject({ status: 400, body: { field } });
  });
});

describe('POST /tokens/validate', () => {
  const claims = () => {
    const iat = Math.floor(now.getTime() / 1000);
    return { cube_id: 'a', permissions: ['saju:call'], iat, exp: iat + 3600, iss: 'heal7-security-cube' };
  };
  const made = (payload: unknown, key = secret, header: unknown = { alg: 'HS256' }) => {
    const signed = `${encode(header)}.${encode(payload)}`;
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
  };

  test('names the holder of a token, whichever program made it', async () => {
    const right = { valid: true, cube_id: 'a', permissions: ['saju:call'] };
    expect(await validate(made(claims()))).toEqual(right);
    expect(await validate(made(claims(), previous))).toEqual(right);
  });

  test('takes a token made in Python, and Python takes one made here', async () => {
    const { token } = issueCubeToken(secret, { cubeId: 'a', permissions: ['saju:call'] }, now);
    const program = `
import base64, hashlib, hmac, json, sys, time
key, given = sys.argv[1].encode(), sys.argv[2]
encode = lambda part: base64.urlsafe_b64encode(part).rstrip(b"=")
decode = lambda part: base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
sign = lambda signed: hmac.new(key, signed, hashlib.sha256).digest()
head, body, signature = given.split(".")
assert hmac.compare_digest(sign(f"{head}.{body}".encode()), decode(signature))
claims = json.loads(decode(body))
assert json.loads(decode(head))["alg"] == "HS256" and claims["iss"] == "heal7-security-cube"
now = int(time.time())
claims.update(iat=now, exp=now + 600, cube_id="사주-cube")
signed = encode(b'{"typ": "JWT", "alg": "HS256"}') + b"." + encode(json.dumps(claims).encode())
print((signed + b"." + encode(sign(signed))).decode())`;
    const { stderr, stdout } = spawnSync('python3', ['-c', program, secret, token], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(await validate(stdout.trim())).toEqual({
      valid: true,
      cube_id: '사주-cube',
      permissions: ['saju:call'],
    });
  });

  test('says Token expired only of one that is right in all but its time', async () => {
    const old = { ...claims(), iat: claims().iat - 7200, exp: claims().exp - 7200 };
    expect(await validate(made(old))).toEqual({ valid: false, error: 'Token expired' });
    expect(await validate(made(old, 'x'))).toEqual({ valid: false, error: 'Invalid token' });
    expect(await validate(made({ ...old, iss: 'x' }))).toEqual({ valid: false, error: 'Invalid token' });
  });

  test('says Invalid token of anything else', async () => {
    const right = claims();
    for (const token of [
      '',
      'x',
      `${encode({ alg: 'none' })}.${encode(right)}.`,
      made(right, secret, { alg: 'none' }),
      made(right, 'another key'),
      made({ ...right, iss: 'heal7-users', sub: 'user-1' }),
      made({ ...right, permissions: undefined }),
      made({ ...right, iat: right.iat + 120, exp: right.exp + 120 }),
      made({ ...right, exp: right.exp + 1 }),
      made({ ...right, padding: 'x'.repeat(100_000) }),
    ])
      expect(await validate(token)).toEqual({ valid: false, error: 'Invalid token' });
  });

  test('refuses a body without a text to validate', async () => {
    for (const body of [{}, { token: 7 }, { token: null }, { token: 'x', more: 1 }, null])
      expect((await post('/tokens/validate', body)).status).toBe(400);
    expect((await post('/tokens/validate', { token: 'x'.repeat(2 ** 20) })).status).toBe(413);
  });
});

describe('rate limits', () => {
  const issueAs = (cubeId: string, cube = app) =>
    post(
      '/tokens',
      { cube_id: 'a', permissions: [] },
      issueCubeToken(secret, { cubeId, permissions: ['token:issue'] }, now).token,
      cube,
    );

  test('apply to each subject, over all instances, with a Retry-After', async () => {
    const other = await build();
    const statuses: number[] = [];
    for (let place = 0; place < 8; place++)
      statuses.push((await issueAs('busy', place % 2 === 0 ? app : other)).status);
    expect(statuses).toEqual([201, 201, 201, 201, 201, 429, 429, 429]);
    const refused = await issueAs('busy');
    expect(refused).toMatchObject({ status: 429, body: { type: 'rate_limited' } });
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(10);
    expect((await issueAs('another')).status).toBe(201);
    await other.close();
  });

  test('apply to an address before its tokens are verified, and not to monitoring paths', async () => {
    const strict = await build({ ...rates, address: { perSecond: 0.1, burst: 3 } });
    const guess = () => post('/tokens', {}, 'a-guess', strict);
    const statuses: number[] = [];
    for (let place = 0; place < 5; place++) statuses.push((await guess()).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    for (const url of ['/health', '/ready', '/metrics']) expect((await strict.inject(url)).statusCode).toBe(200);
    await strict.close();
  });

  test('apply without Redis too, at each instance alone, and together again once it is back', async () => {
    await server.kill();
    const right = now;
    // As a clock that is set back while Redis is away.
    now = new Date(right.getTime() + 3 * 3_600_000);
    const statuses: number[] = [];
    for (let place = 0; place < 7; place++) statuses.push((await issueAs('lonely')).status);
    expect(statuses).toEqual([201, 201, 201, 201, 201, 429, 429]);
    now = right;
    await server.revive();
    await until('redis to be connected', () => redis.status === 'ready');
    await until('the limits to be shared', async () => (await issueAs('lonely')).status === 201);
    expect(await redis.exists('cubeshift:rate:security:subject:lonely')).toBe(1);
  });

  test('do not make callers wait for a Redis that hangs, but for the first of a second', async () => {
    const loneServer = await build();
    server.signal('SIGSTOP');
    try {
      const begun = performance.now();
      for (let place = 0; place < 5; place++) expect((await issueAs('patient', loneServer)).status).toBe(201);
      // One count of 200 ms for the address, none after it.
      expect(performance.now() - begun).toBeLessThan(1000);
    } finally {
      server.signal('SIGCONT');
      await loneServer.close();
    }
  });

  test('admit no more than the burst of many concurrent requests', async () => {
    const waits = await Promise.all(
      Array.from({ length: 200 }, () => takeSharedToken(redis, 'crowd', { perSecond: 0.01, burst: 20 })),
    );
    expect(waits.filter((wait) => wait === 0)).toHaveLength(20);
    for (const wait of waits.filter((one) => one > 0)) expect(wait).toBeLessThanOrEqual(100_000);
    expect(await redis.pttl('cubeshift:rate:crowd')).toBeGreaterThan(0);
  });
});

describe('the program', () => {
  const program = join(packageRoot(), 'dist', 'src', 'services', 'security', 'main.js');

  test('serves by its environment, is in the registry, and ends at SIGTERM', async () => {
    const child = spawn(process.execPath, [program], {
      env: {
        PATH: process.env.PATH,
        REDIS_URL: server.url,
        CUBE_JWT_SECRET: secret,
        CUBE_JWT_SECRET_PREVIOUS: previous,
        AUDIT_DATABASE_URL: databaseUrl,
        CUBE_PORT: '0',
        INSTANCE_ID: 'program',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: string[] = [];
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')));
    try {
      const entry = await until('the entry', async () =>
        (await readInstances(redis, 'security-cube')).find(({ state }) => state === 'ready'),
      );
      expect(entry).toMatchObject({
        instance_id: 'program',
        url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      });
      const answer = await fetch(`${entry.url}/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tokenWith('token:issue')}`, 'content-type': 'application/json' },
        body: '{"cube_id":"a","permissions":["token:issue"]}',
      });
      expect(answer.status).toBe(201);
      const { token } = (await answer.json()) as { token: string };
      const health = await (await fetch(`${entry.url}/health`)).json();
      expect(health).toMatchObject({ dependencies: { audit: 'ok' } });
      expect(await readAudit(pool, { before: String(2 ** 50), limit: 1 })).toMatchObject([{ subject: 'a' }]);
      await until('the log', () => said.join('').includes('issued a token'));
      for (const hidden of [secret, previous, token]) expect(said.join('')).not.toContain(hidden);
    } finally {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await gone).toEqual([0, null]);
    }
    expect(await readInstances(redis, 'security-cube')).toEqual([]);
  });

  test('refuses to start without a secret of 32 bytes, and does not repeat it', () => {
    for (const given of [undefined, '', 'too short']) {
      const said = spawnSync(process.execPath, [program], {
        env: {
          PATH: process.env.PATH,
          REDIS_URL: server.url,
          ...(given === undefined ? {} : { CUBE_JWT_SECRET: given }),
        },
        encoding: 'utf8',
      });
      expect([said.status, said.stderr]).toEqual([2, expect.stringContaining('CUBE_JWT_SECRET')]);
      expect(said.stderr).not.toContain('too short');
    }
  });
});
