import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { SignJWT } from 'jose';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { sajuRecordsMapping } from '../../src/kinds/saju-records/mapping.js';
import { runCommand } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { type Answer, Engine, testSecret } from '../support/engine.js';

/** The control API as an outside client meets it; the tests follow one run from its start to its end. */
const records = 6000;
const options = { rows_per_second: 3000, lanes: 1 };
let databases: TestDatabases;
let engine: Engine;
let document: OpenApi;

interface OpenApi {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, object>;
    responses: Record<string, object>;
    securitySchemes: Record<string, object>;
  };
}
interface Operation {
  operationId: string;
  tags?: string[];
  summary?: string;
  security?: object[];
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: object }> };
  responses: Record<string, Response | { $ref: string }>;
}
interface Response {
  description: string;
  content?: Record<string, { schema: object }>;
}

beforeAll(async () => {
  databases = await createDatabases(records);
  engine = await Engine.start({ ...databases, apart: ['control'] });
  // Redis is not waited for by /ready: migrations do without.
  await until('health to be ok', async () =>
    (await (await fetch(`${engine.url}/health`)).text()).includes('"status":"ok"'),
  );
  document = (await (await fetch(`${engine.url}/openapi.json`)).json()) as OpenApi;
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

/** A request as it is written, with any headers and any body. */
async function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  const response = await fetch(`${engine.url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, body: await response.json(), headers: response.headers };
}

async function bearer(permissions: readonly string[] = ['migration:read', 'migration:write'], now = new Date()) {
  const { token } = issueCubeToken(testSecret, { cubeId: 'test', permissions }, now);
  return { authorization: `Bearer ${token}` };
}

/** Every error is a problem: RFC 9457's members, its own media type, a sentence and what to do. */
function expectProblem(answer: Answer, status: number, more: Record<string, unknown> = {}): void {
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({ status, ...more });
  expect(answer.status).toBe(status);
  expectFits('#/components/schemas/Problem', answer.body);
  expect(JSON.stringify(answer.body)).not.toMatch(/\bat .*:\d+:\d+|node_modules|select /);
}

function expectFits(reference: string, value: unknown): void {
  const problems = Schema.Errors(resolve({ $ref: reference }) as Parameters<typeof Schema.Errors>[0], value);
  expect(problems).toEqual([true, []]);
}

function expectAnswerFits(method: string, path: string, answer: Answer): void {
  const [type = ''] = (answer.headers.get('content-type') ?? '').split(';');
  const response = resolve(document.paths[path]?.[method]?.responses[answer.status]) as Response | undefined;
  const schema = response?.content?.[type]?.schema;
  if (schema === undefined) throw new Error(`OpenAPI says nothing of ${method} ${path} ${answer.status} ${type}`);
  expect(Schema.Errors(schema as Parameters<typeof Schema.Errors>[0], answer.body)).toEqual([true, []]);
}

/** A schema with its references replaced by what they point at. */
function resolve(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(resolve);
  if (typeof schema !== 'object' || schema === null) return schema;
  if ('$ref' in schema) {
    const [, , part, name = ''] = String(schema.$ref).split('/');
    const found = document.components[part === 'responses' ? 'responses' : 'schemas'][name];
    if (found === undefined) throw new Error(`${String(schema.$ref)} points nowhere`);
    return resolve(found);
  }
  return Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, resolve(value)]));
}

/** The contract's rule. */
function neededPermission(method: string, path: string): string | undefined {
  if (!path.startsWith('/v1/')) return undefined;
  return method === 'get' ? 'migration:read' : 'migration:write';
}

function start(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return bearer().then((token) =>
    send(
      'POST',
      '/v1/migrations/saju-records',
      { ...token, 'content-type': 'application/json', ...headers },
      JSON.stringify(body),
    ),
  );
}

describe('before anything was started', () => {
  test('health, readiness and metrics answer without a token', async () => {
    expect(await send('GET', '/health')).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        dependencies: { cube_database: 'ok', temporal: 'ok', redis: 'ok' },
        version: expect.any(String),
      },
    });
    expect(await send('GET', '/ready')).toMatchObject({ status: 200, body: { ready: true } });
    expect((await fetch(`${engine.url}/metrics`)).headers.get('content-type')).toMatch(/^text\/plain/);
  });

  test('OpenAPI 3.1 lists every route once, with its schemas and who may call it', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    expect(document.components.securitySchemes).toEqual({
      cubeToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: expect.any(String) },
    });
    const steering = ['pause', 'resume', 'cancel', 'verify', 'repair', 'rollback', 'cutover', 'complete'];
    const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    expect(routes.sort()).toEqual(
      [
        'get /health',
        'get /metrics',
        'get /ready',
        'get /v1/audit',
        'get /v1/audit/check',
        'get /v1/cubes',
        'get /v1/cubes/{id}',
        'get /v1/known-secrets',
        'get /v1/migrations',
        'get /v1/migrations/{id}',
        'post /v1/migrations/{id}',
        'get /v1/migrations/{id}/events',
        'get /v1/migrations/{id}/files-without-rows',
        'get /v1/migrations/{id}/rejects',
        'get /v1/migrations/{id}/rejects/summary',
        'get /v1/migrations/{id}/report',
        'post /v1/migrations/{id}/rejects/accept',
        'post /v1/migrations/{id}/rejects/retry',
        ...steering.map((action) => `post /v1/migrations/{id}/${action}`),
        'get /v1/models',
        'get /v1/models/{name}/versions',
        ...['activate', 'rollback'].map((action) => `post /v1/models/{name}/${action}`),
        ...['move', 'sweep'].map((action) => `post /v1/blobs/${action}`),
        'get /v1/traffic/{cube}',
        'put /v1/traffic/{cube}',
        ...['get', 'post', 'delete'].map((method) => `${method} /v1/traffic/{cube}/ramp`),
        ...['alarm', 'pause', 'resume', 'set'].map((action) => `post /v1/traffic/{cube}/ramp/${action}`),
        'get /v1/cubes/{id}/deployment',
        'get /v1/cubes/{id}/rollback',
        'post /v1/cubes/{id}/rollback/acknowledge',
        ...['deploy', 'restart', 'scale', 'rollback'].map((action) => `post /v1/cubes/{id}/${action}`),
      ].sort(),
    );
    // Templates that differ in their names alone are the same path twice, which OpenAPI forbids.
    const templates = Object.keys(document.paths).map((path) => path.replaceAll(/\{[^}]*\}/g, '{}'));
    expect(new Set(templates).size).toBe(templates.length);
    const ids = Object.values(document.paths).flatMap((path) => Object.values(path).map((one) => one.operationId));
    expect(new Set(ids).size).toBe(ids.length);
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const place = `${method} ${path}`;
        expect(operation.summary, place).toEqual(expect.any(String));
        const named = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
        const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
        expect(
          parameters.map(({ name }) => name),
          place,
        ).toEqual(named);
        const statuses = Object.keys(operation.responses);
        expect(
          statuses.some((status) => status.startsWith('2')),
          place,
        ).toBe(true);
        for (const response of Object.values(operation.responses)) {
          const { description, content } = resolve(response) as Response;
          expect(description, place).toMatch(/^[A-Z].*\./);
          for (const { schema } of Object.values(content ?? {})) Schema.Compile(schema as object);
        }
        const [permission] = Object.values(Object.assign({}, ...(operation.security ?? []))).flat();
        expect(operation.security, place).toEqual(path.startsWith('/v1/') ? [{ cubeToken: [permission] }] : []);
        expect(permission, place).toBe(neededPermission(method, path));
        expect(statuses, place).toContain('401');
        expect(statuses.includes('403'), place).toBe(permission !== undefined);
        expect(operation.operationId, place).toMatch(/^[a-z]+[A-Z][A-Za-z]+$/);
        expect(operation.tags, place).toEqual([expect.any(String)]);
        if (method === 'post') expect(operation.requestBody?.content['application/json']?.schema, place).toBeDefined();
      }
    }
  });

  test('OpenAPI calls a body required where a request without one is refused, and nowhere else', async () => {
    const needed = [
      '/v1/migrations/{id}',
      '/v1/migrations/{id}/rejects/accept',
      '/v1/cubes/{id}/deploy',
      '/v1/cubes/{id}/scale',
      '/v1/cubes/{id}/rollback/acknowledge',
      '/v1/models/{name}/activate',
      '/v1/blobs/move',
      '/v1/blobs/sweep',
      '/v1/traffic/{cube}/ramp/set',
      '/v1/traffic/{cube}/ramp/alarm',
    ];
    const posts = Object.entries(document.paths).flatMap(([path, { post }]) =>
      post === undefined ? [] : [{ path, post }],
    );
    const required = posts.filter(({ post }) => post.requestBody?.required !== false).map(({ path }) => path);
    expect(required.sort()).toEqual([...needed].sort());
    // Of a run that is not there, a body that is missing where it is needed is told first.
    for (const { path } of posts) {
      const kindOrId = path === '/v1/migrations/{id}' ? 'saju-records' : 'not-there';
      const { status } = await engine.call('POST', path.replace(/\{(id|cube|name)\}/, kindOrId));
      expect(status, path).toBe(needed.includes(path) ? 400 : 404);
    }
  });

  test('a kind that does not exist is refused, naming those that do', async () => {
    const answer = await engine.call('POST', '/v1/migrations/users', {});
    expectProblem(answer, 404, { type: 'not_found', detail: 'There is no kind users.' });
    expect(answer.body).toMatchObject({ hint: 'Kinds are saju-records, ai-models, paperwork-files, crawler-jobs.' });
    expectAnswerFits('post', '/v1/migrations/{id}', answer);
  });

  test('a kind and a mode of later versions are refused as such', async () => {
    expectProblem(await engine.call('POST', '/v1/migrations/crawler-jobs', {}), 400, { field: 'kind' });
    expectProblem(await start({ mode: 'live' }), 400, { field: 'body.mode' });
  });

  test.each([
    ['an id with capitals', { id: 'Full' }, 'body.id'],
    ['an empty id', { id: '' }, 'body.id'],
    ['an id of 64 characters', { id: 'a'.repeat(64) }, 'body.id'],
    ['an id that is a number', { id: 5 }, 'body.id'],
    ['a mode nobody knows', { mode: 'teleport' }, 'body.mode'],
    ['an unknown member', { mode: 'copy', force: true }, 'body.force'],
    ['an unknown option', { options: { lane: 2 } }, 'body.options.lane'],
    ['options that are a text', { options: 'lanes=2' }, 'body.options'],
    ['lanes as a text', { options: { lanes: '4' } }, 'body.options.lanes'],
    ['lanes as a truth value', { options: { lanes: true } }, 'body.options.lanes'],
    ['too many lanes', { options: { lanes: 17 } }, 'body.options.lanes'],
    ['half a lane', { options: { lanes: 1.5 } }, 'body.options.lanes'],
    ['a choice that there is not', { options: { unmapped_columns: 'drop' } }, 'body.options.unmapped_columns'],
    ['a limit of null', { options: { reject_limit_percent: null } }, 'body.options.reject_limit_percent'],
    ['a limit beyond 100 %', { options: { reject_limit_percent: 101 } }, 'body.options.reject_limit_percent'],
    ['a body that is a list', [], 'body'],
    ['a body that is null', null, 'body'],
  ])('%s is refused, the field named', async (_what, body, field) => {
    const answer = await start(body);
    expectProblem(answer, 400, { type: 'invalid_input', field });
    expectAnswerFits('post', '/v1/migrations/{id}', answer);
  });

  test('the value of a wrong field is not repeated', async () => {
    const secret = 'SECRET-of-a-user';
    for (const body of [{ id: secret }, { mode: secret }, { options: { lanes: secret } }])
      expect(JSON.stringify((await start(body)).body)).not.toContain(secret);
  });

  test('a body that is not JSON, too large or of another type is refused as such', async () => {
    const headers = { ...(await bearer()), 'content-type': 'application/json' };
    const path = '/v1/migrations/saju-records';
    expectProblem(await send('POST', path, headers, '{"id": '), 400);
    expectProblem(await send('POST', path, headers, ''), 400);
    const large = JSON.stringify({ id: 'a'.repeat(2 * 1024 * 1024) });
    expectProblem(await send('POST', path, headers, large), 413);
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded'])
      expectProblem(await send('POST', path, { ...headers, 'content-type': type }, '{"id":"x"}'), 415);
  });

  test('an Idempotency-Key that is too long is refused', async () => {
    expectProblem(await start({}, { 'idempotency-key': 'k'.repeat(201) }), 400, { field: 'headers.idempotency-key' });
  });

  test('unknown paths, runs and actions are 404, malformed ids 400', async () => {
    const read = await bearer();
    expectProblem(await send('GET', '/v1/nothing', read), 404);
    for (const path of ['', '/events', '/report']) {
      const unknown = await send('GET', `/v1/migrations/unknown${path}`, read);
      expectProblem(unknown, 404, { type: 'not_found', detail: 'There is no migration unknown.' });
      expectAnswerFits('get', `/v1/migrations/{id}${path}`, unknown);
      const malformed = await send('GET', `/v1/migrations/NOT_AN_ID${path}`, read);
      expectProblem(malformed, 400, { field: 'params.id' });
      expectAnswerFits('get', `/v1/migrations/{id}${path}`, malformed);
    }
    expectProblem(await engine.call('POST', '/v1/migrations/unknown/pause'), 404);
    expectProblem(await engine.call('POST', '/v1/migrations/unknown/explode'), 404);
    expectProblem(await engine.call('GET', '/v1/migrations/unknown/explode'), 404);
  });

  test.each([
    ['DELETE', '/v1/migrations', 'GET, HEAD'],
    ['PUT', '/v1/migrations/one/report', 'GET, HEAD'],
    ['POST', '/v1/migrations/one/events', 'GET, HEAD'],
    ['GET', '/v1/migrations/one/pause', 'POST'],
    ['POST', '/v1/traffic/saju', 'GET, HEAD, PUT'],
    ['PUT', '/v1/traffic/saju/ramp', 'DELETE, GET, HEAD, POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
  ])('%s %s is 405: the path takes %s', async (method, path, allow) => {
    const answer = await send(method, path, await bearer());
    expectProblem(answer, 405, { type: 'invalid_input', detail: `This path takes ${allow}.` });
    expect(answer.headers.get('allow')).toBe(allow);
  });

  test('a path that is none, headers and URLs that are too long are problems too; a request keeps its id', async () => {
    expectProblem(await send('GET', '/v1/migrations/%zz'), 400);
    expectProblem(await send('GET', `/health?${'a'.repeat(8200)}`), 414);
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, place) => [`x-${place}`, 'a']));
    expectProblem(await send('GET', '/health', many), 431);
    const answer = await send('GET', '/health', { 'x-request-id': 'call-7' });
    expect(answer.headers.get('x-request-id')).toBe('call-7');
    expect(answer.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  test('none of that left a migration', async () => {
    const answer = await engine.call('GET', '/v1/migrations');
    expect(answer.body).toEqual({ items: [] });
    expectAnswerFits('get', '/v1/migrations', answer);
  });
});

describe('tokens', () => {
  const calls = [
    ['GET', '/v1/audit', 'migration:read'],
    ['GET', '/v1/audit/check', 'migration:read'],
    ['GET', '/v1/cubes', 'migration:read'],
    ['GET', '/v1/cubes/saju-cube', 'migration:read'],
    ['GET', '/v1/known-secrets', 'migration:read'],
    ['GET', '/v1/migrations', 'migration:read'],
    ['GET', '/v1/migrations/any', 'migration:read'],
    ['GET', '/v1/migrations/any/events', 'migration:read'],
    ['GET', '/v1/migrations/any/report', 'migration:read'],
    ['GET', '/v1/migrations/any/files-without-rows', 'migration:read'],
    ['GET', '/v1/migrations/any/rejects', 'migration:read'],
    ['GET', '/v1/migrations/any/rejects/summary', 'migration:read'],
    ['POST', '/v1/migrations/saju-records', 'migration:write'],
    ['POST', '/v1/migrations/any/pause', 'migration:write'],
    ['POST', '/v1/migrations/any/rollback', 'migration:write'],
    ['POST', '/v1/migrations/any/rejects/retry', 'migration:write'],
    ['POST', '/v1/migrations/any/rejects/accept', 'migration:write'],
  ] as const;
  const others = ['migration:read', 'migration:write', 'records:read', 'token:issue'];

  test.each(calls)('%s %s needs %s', async (method, path, permission) => {
    const none = await send(method, path);
    expectProblem(none, 401, { type: 'unauthorized' });
    expect(none.headers.get('www-authenticate')).toBe('Bearer');
    const lacking = await bearer(others.filter((one) => one !== permission));
    expectProblem(await send(method, path, lacking), 403, {
      type: 'forbidden',
      detail: expect.stringContaining(permission),
    });
    expect([401, 403]).not.toContain((await send(method, path, await bearer([permission]))).status);
  });

  test('the refusal of an expired token differs from that of a wrong one', async () => {
    const old = await bearer(['migration:read'], new Date(Date.now() - 3_601_000));
    expectProblem(await send('GET', '/v1/migrations', old), 401, { detail: 'Token expired' });
  });

  test('a token that is wrong in anything is 401, on routes that need none too', async () => {
    const key = new TextEncoder().encode(testSecret);
    const claims = { cube_id: 'test', permissions: ['migration:read'] };
    const signed = (change: (token: SignJWT) => SignJWT, secret = key, body: Record<string, unknown> = claims) =>
      change(
        new SignJWT(body)
          .setProtectedHeader({ alg: 'HS256' })
          .setIssuer('heal7-security-cube')
          .setIssuedAt()
          .setExpirationTime('1h'),
      ).sign(secret);
    const right = await signed((token) => token);
    expect((await send('GET', '/v1/migrations', { authorization: `Bearer ${right}` })).status).toBe(200);
    const [head, body, signature] = right.split('.');
    const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
    const wrong = [
      'Bearer x',
      'Basic dGVzdDp0ZXN0',
      'Bearer',
      `Bearer ${right} ${right}`,
      `Bearer ${unsigned}.${body}.`,
      `Bearer ${head}.${body}.${signature?.slice(1)}x`,
      `Bearer ${await signed((token) => token, new TextEncoder().encode('another secret of thirty-two bytes or more'))}`,
      `Bearer ${await signed((token) => token.setIssuer('heal7-users').setSubject('user-1'))}`,
      `Bearer ${await signed((token) => token.setExpirationTime('2h'))}`,
      `Bearer ${await signed((token) => token, key, { cube_id: 'test' })}`,
      `Bearer ${await signed((token) => token, key, { cube_id: '', permissions: ['migration:read'] })}`,
      `Bearer ${await signed((token) => token, key, { cube_id: 'test', permissions: 'migration:read' })}`,
    ];
    for (const authorization of wrong) {
      expectProblem(await send('GET', '/v1/migrations', { authorization }), 401, { detail: 'Invalid token' });
      expectProblem(await send('GET', '/health', { authorization }), 401);
    }
  });

  test('who lacks a token cannot make the API read a body', async () => {
    const answer = await send('POST', '/v1/migrations/saju-records', { 'content-type': 'application/json' }, '{"id": ');
    expectProblem(answer, 401);
  });
});

interface Told {
  readonly name: string;
  readonly view: MigrationView;
}

/** Follows a run's events until the stream ends or `close` is called. */
async function follow(id: string): Promise<{ told: Told[]; ended: Promise<unknown>; close: () => void }> {
  const told: Told[] = [];
  const parser = createParser({
    onEvent: (event: EventSourceMessage) =>
      told.push({ name: event.event ?? '', view: JSON.parse(event.data) as MigrationView }),
  });
  const call = httpRequest(`${engine.url}/v1/migrations/${id}/events`, { headers: await bearer(['migration:read']) });
  call.end();
  const [response] = await once(call, 'response');
  expect(response.headers['content-type']).toBe('text/event-stream');
  response.on('data', (chunk: Buffer) => parser.feed(chunk.toString('utf8')));
  const ended = once(response, 'close').catch(() => undefined);
  return { told, ended, close: () => call.destroy() };
}

describe('one run from its start to its end', () => {
  let stream: Awaited<ReturnType<typeof follow>>;

  test('ten equal starts at once are one run, whether by id or by key', async () => {
    const byId = await Promise.all(
      Array.from({ length: 10 }, () => start({ id: 'one', options }, { 'idempotency-key': 'k-1' })),
    );
    expect(byId.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 202));
    const byKey = await Promise.all(Array.from({ length: 10 }, () => start({ options }, { 'idempotency-key': 'k-1' })));
    const runs = [...byId, ...byKey].map(({ body }) => body as MigrationView);
    expect(new Set(runs.map(({ id }) => id))).toEqual(new Set(['one']));
    expect(new Set(runs.map(({ run_id }) => run_id)).size).toBe(1);
    expect(runs[0]).toMatchObject({ workflow_id: 'saju-records/one', kind: 'saju-records', mode: 'copy' });
    for (const answer of byId) expectAnswerFits('post', '/v1/migrations/{id}', answer);
    stream = await follow('one');
    expect((await engine.call('GET', '/v1/migrations')).body).toMatchObject({ items: [{ id: 'one' }] });
  });

  test('the same id or key with other options is a conflict', async () => {
    expectProblem(await start({ id: 'one' }), 409, { type: 'conflict', detail: expect.stringContaining('one') });
    expectProblem(await start({ options: { lanes: 3 } }, { 'idempotency-key': 'k-1' }), 409, { type: 'conflict' });
  });

  test('a second migration of the kind is a conflict that names the first', async () => {
    const answer = await start({ id: 'two', options });
    expectProblem(answer, 409, { type: 'conflict', detail: 'The saju-records migration one is not finished.' });
    expectAnswerFits('post', '/v1/migrations/{id}', answer);
    expectProblem(await engine.call('GET', '/v1/migrations/two'), 404);
  });

  test('an action that does not fit is a conflict that names those that do', async () => {
    const answer = await engine.call('POST', '/v1/migrations/one/complete');
    expectProblem(answer, 409, { type: 'not_at_this_stage', actions: ['pause', 'cancel', 'rollback'] });
    expect(answer.body).toMatchObject({
      hint: expect.stringMatching(
        /^Possible now: `cubeshift migrate pause [\w-]+`, `cubeshift migrate cancel [\w-]+`, `cubeshift migrate rollback [\w-]+`\.$/,
      ),
    });
    expectAnswerFits('post', '/v1/migrations/{id}/complete', answer);
  });

  test('pause and resume are accepted, and the stream reports both', async () => {
    await engine.steer('one', 'pause');
    await engine.waitFor('one', 'paused', ({ status }) => status === 'paused');
    expectProblem(await engine.call('POST', '/v1/migrations/one/pause'), 409, {
      actions: ['resume', 'cancel', 'rollback'],
    });
    await until('the stream to tell of the pause', () => stream.told.some(({ view }) => view.status === 'paused'));
    expect(await engine.steer('one', 'resume')).toMatchObject({ status: 'running' });
  });

  test('the audit shows who requested what, and that it is as it was written', async () => {
    const answer = await engine.call('GET', '/v1/audit?limit=3');
    expectAnswerFits('get', '/v1/audit', answer);
    const { items: all } = (await engine.call('GET', '/v1/audit')).body as { items: object[] };
    const started = { actor: 'test', action: 'migration.start', subject: 'one' };
    expect(all).toContainEqual(
      expect.objectContaining({ ...started, details: expect.objectContaining({ mode: 'copy' }) }),
    );
    const asked = { actor: 'test', subject: 'one', details: { kind: 'saju-records', by: 'test' } };
    expect(answer.body).toMatchObject({
      items: ['resume', 'pause', 'pause'].map((action) => ({ action: `migration.${action}`, ...asked })),
    });
    const check = await engine.call('GET', '/v1/audit/check');
    expectAnswerFits('get', '/v1/audit/check', check);
    expect(check.body).toMatchObject({ intact: true, broken: null });
    const { head } = check.body as { head: { seq: number; hash: string } };
    const anchored = await engine.call('GET', `/v1/audit/check?anchor=${head.seq}:${head.hash}`);
    expect(anchored.body).toMatchObject({ intact: true });
    const gone = await engine.call('GET', `/v1/audit/check?anchor=${head.seq + 1}:${head.hash}`);
    expect(gone.body).toMatchObject({ intact: false, broken: { seq: head.seq + 1, reason: 'anchor_missing' } });
    expectProblem(await engine.call('GET', '/v1/audit?cursor=99999999999999999999'), 400, {
      field: 'querystring.cursor',
    });
    expectProblem(await engine.call('GET', '/v1/audit/check?anchor=x'), 400, { field: 'querystring.anchor' });
  });

  test('the command line lists and checks the audit', async () => {
    const variables = { CONTROL_URL: engine.url, CUBE_JWT_SECRET: testSecret };
    const listed = await runCommand(['audit', 'list', '--limit', '1', '--json'], variables);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ action: 'migration.resume', subject: 'one' }]);
    const checked = await runCommand(['audit', 'check'], variables);
    expect(checked).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^all \d+ entries are as they were written/),
    });
    const [, anchor = ''] = /newest is (\S+)/.exec(checked.stdout) ?? [];
    expect((await runCommand(['audit', 'check', '--anchor', anchor], variables)).code).toBe(0);
    const other = await runCommand(['audit', 'check', '--anchor', anchor.replace(/.$/, 'g')], variables);
    expect(other.code).toBe(2);
    const cut = await runCommand(['audit', 'check', '--anchor', `99999:${anchor.split(':')[1]}`], variables);
    expect([cut.code, cut.stdout]).toEqual([5, expect.stringContaining('cut off')]);
    expect((await runCommand(['audit', 'list', '--limit', '0'], variables)).code).toBe(2);
  });

  test('the run comes to rest', async () => {
    expect(await engine.waitForRest('one', 120_000)).toMatchObject({ status: 'waiting', stage: 'verified' });
  });

  test('rejects are paged in the order of their ids, each once, with their payloads', async () => {
    const pages: { table: string; id: string; reason: string; payload: unknown }[][] = [];
    for (let cursor: string | null = '-9223372036854775808'; cursor !== null; ) {
      const answer: Answer = await engine.call('GET', `/v1/migrations/one/rejects?limit=7&cursor=${cursor}`);
      expectAnswerFits('get', '/v1/migrations/{id}/rejects', answer);
      const page = answer.body as {
        items: { table: string; id: string; reason: string; payload: unknown }[];
        next_cursor: string | null;
      };
      pages.push(page.items);
      cursor = page.next_cursor;
    }
    const items = pages.flat();
    expect(pages.slice(0, -1).every((page) => page.length === 7)).toBe(true);
    expect(new Map(items.map(({ id, reason }) => [id, reason]))).toEqual(databases.rejected);
    expect(items.length).toBe(databases.rejected.size);
    expect(new Set(items.map(({ table }) => table))).toEqual(new Set(['saju_records']));
    expect(items.map(({ id }) => BigInt(id))).toEqual(
      items.map(({ id }) => BigInt(id)).sort((a, b) => (a < b ? -1 : 1)),
    );
    expect(items.every(({ payload }) => typeof payload === 'object' && payload !== null)).toBe(true);
  });

  test.each([
    ['limit=0', 'querystring.limit'],
    ['limit=1001', 'querystring.limit'],
    ['limit=ten', 'querystring.limit'],
    ['cursor=x', 'querystring.cursor'],
    ['cursor=9223372036854775808', 'querystring.cursor'],
    ['cursor=another_table:1', 'querystring.cursor'],
    ['page=2', 'querystring.page'],
  ])('a request for a page with %s is refused', async (query, field) => {
    expectProblem(await engine.call('GET', `/v1/migrations/one/rejects?${query}`), 400, { field });
  });

  test.each([
    ['rejects/retry', { ids: [] }, 'body.ids'],
    ['rejects/retry', { ids: [1] }, 'body.ids.0'],
    ['rejects/retry', { ids: ['9223372036854775808'] }, 'body.ids'],
    ['rejects/retry', { ids: ['1', 'another_table:1'] }, 'body.ids'],
    ['rejects/accept', { ids: ['another_table:1'], by: 'b', why: 'w' }, 'body.ids'],
    ['rejects/accept', { ids: ['Saju Records:1'], by: 'b', why: 'w' }, 'body.ids.0'],
    ['rejects/accept', { ids: ['1'], all: true, by: 'b', why: 'w' }, 'body.ids'],
    ['rejects/accept', { by: 'b', why: 'w' }, 'body.ids'],
    ['rejects/accept', { all: true, why: 'w' }, 'body.by'],
    ['rejects/accept', { all: true, by: 'b', why: '' }, 'body.why'],
    ['rejects/accept', { all: true, by: 'b', why: 'w\n    next: forged' }, 'body.why'],
    ['rejects/accept', { all: true, by: 'b', why: 'w\u2028forged' }, 'body.why'],
    ['rejects/accept', { all: true, by: 'b\nforged', why: 'w' }, 'body.by'],
    ['rejects/accept', { all: false, by: 'b', why: 'w' }, 'body.all'],
    ['pause', { now: true }, 'body.now'],
  ])('%s with %j is refused, the field named', async (action, body, field) => {
    expectProblem(await engine.call('POST', `/v1/migrations/one/${action}`, body), 400, { field });
  });

  test('the report carries the run, and no more than those may see who may read migrations', async () => {
    const answer = await engine.call('GET', '/v1/migrations/one/report', undefined, ['migration:read']);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        report: {
          migration: { id: 'one' },
          batches: expect.arrayContaining([
            expect.objectContaining({ table: 'saju_records', pillars_do_not_fit: expect.any(Number) }),
          ]),
        },
        signature: { alg: 'HS256', value: expect.any(String) },
      },
    });
    expectAnswerFits('get', '/v1/migrations/{id}/report', answer);
    expect(JSON.stringify(answer.body)).not.toContain('interpretation');
  });

  test('the stream sends each stage in order, each event with the body of GET, and ends with the run', async () => {
    const restsVerified = ({ name, view }: (typeof stream.told)[number]) =>
      name === 'rest' && view.stage === 'verified';
    await until('the stream to tell of the rest', () => stream.told.some(restsVerified));
    await engine.complete('one');
    const ended = await engine.waitForRest('one');
    expect(ended).toMatchObject({ status: 'completed', stage: 'done', actions: [] });
    const { body } = await engine.call('GET', '/v1/migrations/one/report');
    const table = {
      table: 'saju_records',
      parent: null,
      source: 'public.saju_records',
      target: 'saju.charts',
      key: 'id',
      compared_fields: sajuRecordsMapping.comparedFields.length,
      not_compared: ['migrated_at'],
    };
    expect(body).toMatchObject({
      report: { evidence: { verification_id: expect.any(String), section: { tables: [table] } } },
    });
    await stream.ended;
    const { told } = stream;
    for (const { view } of told) expectFits('#/components/schemas/Migration', view);
    expect(told.at(-1)).toEqual({ name: 'end', view: (await engine.call('GET', '/v1/migrations/one')).body });
    expect(told.filter(({ name }) => name === 'end').length).toBe(1);
    expect(told.some(({ name, view }) => name === 'progress' && view.stage === 'copying')).toBe(true);
    expect(told.some(({ name, view }) => name === 'rest' && view.status === 'paused')).toBe(true);
    const stages = told.map(({ view }) => view.stage);
    expect([...new Set(stages)]).toEqual(
      ['preflight', 'copying', 'verifying', 'verified', 'done'].filter((stage) => stages.includes(stage as never)),
    );
    const migrated = told.map(({ view }) => view.progress.migrated);
    expect(migrated).toEqual([...migrated].sort((a, b) => a - b));
  });

  test('a stream of an ended run says so and ends', async () => {
    const late = await follow('one');
    await late.ended;
    expect(late.told.map(({ name }) => name)).toEqual(['end']);
  });

  test('long after its end a repeated start still answers with the same run', async () => {
    for (const answer of [await start({ id: 'one', options }), await start({ options }, { 'idempotency-key': 'k-1' })])
      expect(answer).toMatchObject({ status: 202, body: { id: 'one', status: 'completed' } });
    expectProblem(await start({ id: 'one' }), 409);
  });

  test('an ended run takes no more requests, and says so', async () => {
    const answer = await engine.call('POST', '/v1/migrations/one/rollback');
    expectProblem(answer, 409, { type: 'not_at_this_stage', actions: [] });
  });

  test('metrics carry the fixed names, the route pattern, and what the ledger counts', async () => {
    const text = await (await fetch(`${engine.url}/metrics`)).text();
    expect(text).toMatch(/^control_requests_total\{method="GET",endpoint="\/v1\/migrations\/:id",status="200"\} \d+$/m);
    expect(text).toMatch(
      /^control_requests_total\{method="POST",endpoint="\/v1\/migrations\/:id\/pause",status="202"\} \d+$/m,
    );
    expect(text).not.toMatch(/migrations\/(one|unknown)/);
    for (const name of [
      'control_request_duration_seconds_bucket',
      'control_cpu_usage_percent',
      'control_memory_usage_bytes',
    ])
      expect(text).toMatch(new RegExp(`^${name}[ {]`, 'm'));
    const rejected = databases.rejected.size;
    for (const [outcome, count] of Object.entries({
      migrated: records - rejected,
      rejected,
      verified: records - rejected,
      mismatched: 0,
    }))
      expect(text).toContain(`migration_records_total{kind="saju-records",outcome="${outcome}"} ${count}\n`);
  });

  test('for a client that went away the API looks no longer', async () => {
    await engine.startMigration('last', { ...options, rows_per_second: 100 });
    const passing = await follow('last');
    await until('a first event', () => passing.told.length > 0);
    passing.close();
    await passing.ended;
    await until('two seconds in which nobody looked at the run', async () => {
      const looks = await databases.cube.query(
        `select 1 from pg_stat_activity where application_name = 'cubeshift control' and datname = current_database()
            and query like '%from ledger.migrations m%' and state_change > now() - interval '2 seconds'`,
      );
      return looks.rowCount === 0;
    });
    expect(passing.told.at(-1)?.name).not.toBe('end');
  });

  test('an API that gets a signal to stop ends its streams and exits', async () => {
    const open = await follow('last');
    await until('a first event', () => open.told.length > 0);
    await engine.kill('control', 'SIGTERM');
    await open.ended;
    expect(engine.program('control').exitCode).toBe(0);
  });
});
