import { Writable } from 'node:stream';
import fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemResponses, problemSchema } from '../../../src/api/problem.js';
import { createTokenVerifier, issueCubeToken } from '../../../src/auth/tokens.js';
import { Failure, failureRule, failureTypes } from '../../../src/base/failures.js';
import { createAuthorization } from '../../../src/http/authorization.js';
import { problemOf, registerProblems, withSafe } from '../../../src/http/problem.js';
import { registerNotFound } from '../../../src/http/route-methods.js';

const jwtSecret = 'a secret of the tests, thirty-two bytes or more';
const secret = '홍길동 1990-05-15';
const now = new Date('2026-01-01T00:00:00Z');
const said: string[] = [];
const log = new Writable({
  write(chunk, _encoding, done) {
    said.push(String(chunk));
    done();
  },
});
let app: FastifyInstance;

beforeAll(async () => {
  app = fastify({ logger: { level: 'info', stream: log } });
  registerNotFound(app);
  registerProblems(app, (error) =>
    error instanceof RangeError ? new Failure('cube_unreachable', 'The cube database cannot be reached.') : undefined,
  );
  app.addSchema(problemSchema);
  const authorization = createAuthorization(
    app,
    createTokenVerifier({ current: jwtSecret }, () => now),
  );
  const bodySchema = {
    type: 'object',
    required: ['rows'],
    additionalProperties: false,
    properties: { rows: { type: 'integer' }, options: { type: 'object', properties: { lanes: { type: 'integer' } } } },
  };
  app.post('/things', { schema: { body: bodySchema } }, async () => ({}));
  app.get('/conflict', async () => {
    throw new Failure('not_at_this_stage', 'No.', { details: { actions: ['pause'], field: 'id', id: secret } });
  });
  app.get('/unknown', async () => {
    throw new Error(`first line\n${secret}\n    at ${secret} (row:1:1)`);
  });
  app.get('/caused/by-failure', async () => {
    const cause = new Failure('storage_unreachable', 'The store /store cannot be read.');
    throw new Failure('upstream_unavailable', 'Not now.', { cause });
  });
  app.get('/caused/by-code', async () => {
    const cause = Object.assign(new Error(secret), { code: 'ENOSPC' });
    throw new Failure('upstream_unavailable', 'Not now.', { cause });
  });
  app.get('/translated', async () => {
    throw new RangeError(secret);
  });
  app.get('/things/:id', async () => ({}));
  app.register(async (routes) => {
    routes.patch('/things/:id', async () => ({}));
  });
  app.post('/rest/*', async () => ({}));
  app.get('/open', async () => ({ open: true }));
  app.get('/read', { preHandler: authorization.require('migration:read') }, async (request) =>
    authorization.callerOf(request),
  );
  await app.ready();
});
afterAll(() => app.close());

async function problem(request: string | InjectOptions) {
  const response = await app.inject(request);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  const body: Record<string, unknown> = response.json();
  expect(body.status).toBe(response.statusCode);
  return { ...body, headers: response.headers };
}

const post = (payload: string | object, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  problem({ method: 'POST', url: '/things', payload, headers });

describe('an error becomes a problem', () => {
  test('with the status of its type, the hint and what is possible instead', async () => {
    expect(await problem('/conflict')).toMatchObject({
      type: 'not_at_this_stage',
      title: 'not at this stage',
      status: 409,
      detail: 'No.',
      hint: failureRule('not_at_this_stage').hint,
      actions: ['pause'],
      field: 'id',
    });
  });

  test('without other details, and without the text of an unknown error', async () => {
    expect(JSON.stringify(await problem('/conflict'))).not.toContain('홍길동');
    const unknown = await problem('/unknown');
    expect(unknown).toMatchObject({ type: 'unexpected', status: 500 });
    expect(JSON.stringify(unknown)).not.toMatch(/홍길동|first line|\.ts/);
  });

  test('as the translation of the technology gives it', async () => {
    expect(await problem('/translated')).toMatchObject({ type: 'cube_unreachable', status: 503 });
  });

  test('as the failure that it caused, whose cause is in the log alone', async () => {
    for (const path of ['/caused/by-failure', '/caused/by-code'])
      expect(await problem(path)).toMatchObject({ type: 'upstream_unavailable', detail: 'Not now.' });
    const lines = said.join('');
    expect(lines).toContain('"cause":"storage_unreachable: The store /store cannot be read."');
    expect(lines).toMatch(/"cause":"ENOSPC Error at .*problem\.test\.ts/);
  });

  test('and the log has its kind and place, never its text', () => {
    const lines = said.join('');
    expect(lines).toContain('request failed');
    expect(lines).toMatch(/"cause":"Error at .*problem\.test\.ts/);
    expect(lines).not.toMatch(/홍길동|first line/);
  });

  test('of every failure type', () => {
    for (const type of failureTypes) {
      expect(problemOf(new Failure(type, 'So it is.'))).toEqual({
        type,
        title: type.replaceAll('_', ' '),
        status: failureRule(type).httpStatus,
        detail: 'So it is.',
        hint: failureRule(type).hint,
      });
    }
    expect(problemOf(new Failure('invalid_input', 'So it is.'), 422).status).toBe(422);
  });

  test('with what is safe from the control API, and without it from a cube, as legacy answers', async () => {
    expect(await problem('/translated')).not.toHaveProperty('safe');
    const control = fastify();
    control.decorate(withSafe, true);
    registerProblems(control, () => undefined);
    control.get('/', () => {
      throw new Failure('conflict', 'So it is.');
    });
    expect((await control.inject('/')).json()).toMatchObject({ safe: failureRule('conflict').safe });
    await control.close();
  });
});

describe('a request that cannot be read', () => {
  test.each([
    [{ rows: secret }, 'body.rows'],
    [{}, 'body.rows'],
    [{ rows: 1, options: { lanes: secret } }, 'body.options.lanes'],
  ])('%j names the field and not its value', async (payload, field) => {
    const found = await post(payload);
    expect(found).toMatchObject({ type: 'invalid_input', status: 400, field });
    expect(JSON.stringify(found)).not.toContain('홍길동');
  });

  test('is 400, 413 or 415, a sentence each', async () => {
    expect(await post(`{"rows": ${secret}`)).toMatchObject({
      type: 'invalid_input',
      status: 400,
      detail: expect.stringMatching(/JSON/),
    });
    expect(await post({ rows: 'x'.repeat(2 ** 21) })).toMatchObject({
      status: 413,
      detail: expect.stringMatching(/1 MiB/),
    });
    expect(await post('<a/>', { 'content-type': 'text/xml' })).toMatchObject({
      status: 415,
      detail: expect.stringMatching(/application\/json/),
    });
  });

  test('of something that is not there is 404, without its query', async () => {
    const found = await problem(`/nowhere?name=${encodeURIComponent(secret)}`);
    expect(found).toMatchObject({ type: 'not_found', status: 404, detail: 'There is nothing at GET /nowhere.' });
  });

  test.each([
    ['POST', '/open', 'GET, HEAD'],
    ['OPTIONS', '/open?a=1', 'GET, HEAD'],
    ['GET', '/things', 'POST'],
    ['DELETE', '/things/7', 'GET, HEAD, PATCH'],
  ] as const)('%s %s is 405 and names what is served: %s', async (method, url, allow) => {
    expect(await problem({ method, url })).toMatchObject({
      type: 'invalid_input',
      status: 405,
      detail: `This path takes ${allow}.`,
      headers: { allow },
    });
  });

  test.each(['/things/', '/things/7/8', '/openly', '/rest/7'])(
    'PUT %s is 404: nothing is served there',
    async (url) => {
      const found = await problem({ method: 'PUT', url });
      expect(found).toMatchObject({ status: 404 });
      expect(found.headers).not.toHaveProperty('allow');
    },
  );
});

describe('a bearer', () => {
  const tokenOf = (permissions: string[], at = now) =>
    issueCubeToken(jwtSecret, { cubeId: 'ops', permissions }, at).token;
  const withBearer = (authorization: string, url = '/read') => ({ url, headers: { authorization } });

  test('that holds the permission passes, and is known', async () => {
    const response = await app.inject(withBearer(`bearer ${tokenOf(['migration:read'])}`));
    expect([response.statusCode, response.json()]).toEqual([200, { cubeId: 'ops', permissions: ['migration:read'] }]);
  });

  test('that is missing is 401, and so is one that is expired', async () => {
    expect(await problem('/read')).toMatchObject({ type: 'unauthorized', headers: { 'www-authenticate': 'Bearer' } });
    const old = tokenOf(['migration:read'], new Date(now.getTime() - 3_600_000));
    expect(await problem(withBearer(`Bearer ${old}`))).toMatchObject({ status: 401, detail: 'Token expired' });
  });

  test('without the permission is 403 and names it', async () => {
    const found = await problem(withBearer(`Bearer ${tokenOf(['migration:write', 'migration:reader'])}`));
    expect(found).toMatchObject({ type: 'forbidden', status: 403, detail: expect.stringMatching(/migration:read/) });
  });

  test.each(['Bearer x', 'Bearer', 'Bearer ', 'Bearer a b', 'Basic dXNlcg==', 'x', ''])(
    '%j is 401 even where none is needed, never anonymous',
    async (header) => {
      expect(await problem(withBearer(header, '/open'))).toMatchObject({ status: 401, detail: 'Invalid token' });
      expect((await app.inject('/open')).statusCode).toBe(200);
    },
  );
});

test('a schema names each status once, with every type that has it', () => {
  const content = { 'application/problem+json': { schema: { $ref: 'Problem#' } } };
  expect(problemResponses('conflict', 'not_at_this_stage', 'not_found')).toEqual({
    409: { description: expect.stringMatching(/Type: `conflict`, `not_at_this_stage`\.$/), content },
    404: { description: expect.stringMatching(/Type: `not_found`\.$/), content },
  });
});
