import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type CallFailure,
  CubeAPIClient,
  CubeAPIError,
  type SajuChart,
  type SajuPage,
} from '../../../src/client/index.js';
import { until } from '../../support/conditions.js';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A gateway that keeps what it was sent and answers as each test says. */
let server: Server;
let client: CubeAPIClient;
let baseUrl: string;
const seen: Seen[] = [];
let answer: (response: ServerResponse, request: IncomingMessage) => void;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new CubeAPIClient({ baseUrl, token: 'user-token' });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen.length = 0;
  answer = (response) => sendJson(response, 200, { fine: true });
});

const birth = {
  user_id: '사용자-1',
  birth_year: 1990,
  birth_month: 5,
  birth_day: 15,
  birth_hour: null,
  is_solar: true,
};

describe('a call', () => {
  test('is a POST of JSON under the prefix of its service, with the token and the name of the client', async () => {
    const calls = {
      saju: client.callSajuCube('calculate', birth),
      ai: client.callAICube('models/m/predict', { inputs: [1] }),
      paperwork: client.callPaperworkCube('files/1/process', { kind: 'ocr' }),
      crawler: client.callCrawlerCube('/jobs/1/start', {}),
    };
    for (const call of Object.values(calls)) expect(await call).toEqual({ fine: true });
    const paths = seen.map(({ method, url }) => `${method} ${url}`).sort();
    expect(paths).toEqual([
      'POST /api/ai/models/m/predict',
      'POST /api/crawler/jobs/1/start',
      'POST /api/paperwork/files/1/process',
      'POST /api/saju/calculate',
    ]);
    for (const { headers } of seen) {
      expect(headers).toMatchObject({
        authorization: 'Bearer user-token',
        'x-cube-client': 'frontend-cube',
        'content-type': 'application/json',
      });
    }
    expect(JSON.parse(seen.find(({ url }) => url?.endsWith('calculate'))?.body ?? '')).toEqual(birth);
  });

  test('has the types of its route', async () => {
    answer = (response) => sendJson(response, 200, { items: [], next_cursor: null });
    const chart: Promise<SajuChart> = client.callSajuCube('calculate', birth);
    const page: Promise<SajuPage> = client.callSajuCube(`users/${birth.user_id}/records`, undefined, { method: 'GET' });
    const gone: Promise<undefined> = client.callSajuCube('records/5', undefined, { method: 'DELETE' });
    const other: Promise<unknown> = client.callSajuCube('elsewhere', { any: 'thing' });
    // @ts-expect-error: a birth needs its year.
    const wrong = client.callSajuCube('calculate', { user_id: 'a' });
    await Promise.all([chart, page, gone, other, wrong]);
  });

  test('reads the token each time, and sends no bearer rather than an empty one', async () => {
    const tokens = ['first', undefined, ''];
    const asking = new CubeAPIClient({ baseUrl: `${baseUrl}/`, token: async () => tokens.shift() });
    for (let turn = 0; turn < 3; turn++) await asking.callSajuCube('calculate', birth);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', undefined, undefined]);
  });

  test('that gets has a query in the place of a body', async () => {
    await client.callSajuCube('users/a%20b/records', { limit: 3, cursor: undefined }, { method: 'GET' });
    await client.callSajuCube('records/5', undefined, { method: 'GET' });
    expect(seen.map(({ url, body }) => [url, body])).toEqual([
      ['/api/saju/users/a%20b/records?limit=3', ''],
      ['/api/saju/records/5', ''],
    ]);
  });

  test('sends forms as they are, and gives files and nothing as what they are', async () => {
    const form = new FormData();
    form.set('file', new Blob(['content']), 'a.txt');
    await client.callPaperworkCube('files', form);
    expect(seen[0]?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    answer = (response) => response.end('{"raw":1}');
    const file = await client.callPaperworkCube('files/1/content', undefined, { method: 'GET', as: 'blob' });
    expect(await file.text()).toBe('{"raw":1}');
    answer = (response) => response.writeHead(204).end();
    expect(await client.callSajuCube('records/5', undefined, { method: 'DELETE' })).toBeUndefined();
  });

  test.each(['../ai/models', 'records/..', 'records/%2e%2E/x', 'a//b', '', '/', 'a\\b', 'a#b', 'a\tb', '.'])(
    'to an endpoint that leaves its service is not sent: %j',
    async (endpoint) => {
      await expect(client.callSajuCube(endpoint, {})).rejects.toThrow(TypeError);
      expect(seen).toEqual([]);
    },
  );
});

describe('an answer other than 2xx', () => {
  test('rejects with what its problem says', async () => {
    const problem = {
      type: 'invalid_input',
      title: 'invalid input',
      status: 422,
      detail: 'birth_day is beyond the end of its solar month.',
      hint: 'Correct the named field and send it again.',
      field: 'birth_day',
    };
    answer = (response) =>
      sendJson(response, 422, problem, { 'content-type': 'application/problem+json; charset=utf-8' });
    const error = await rejection(client.callSajuCube('calculate', birth));
    expect(error.failure).toEqual({ kind: 'refused', status: 422, problem });
    expect([error.status, error.problem?.field, error.message]).toEqual([
      422,
      'birth_day',
      'POST /api/saju/calculate: 422 birth_day is beyond the end of its solar month.',
    ]);
  });

  test.each([
    [502, 'text/html', '<html>Bad Gateway</html>'],
    [500, 'application/problem+json', 'not JSON'],
    [404, 'application/problem+json', '[]'],
    [302, 'text/plain', ''],
  ])('that is no problem becomes one: %i %s', async (status, type, text) => {
    answer = (response) => response.writeHead(status, { 'content-type': type, location: '/elsewhere' }).end(text);
    const error = await rejection(client.callSajuCube('calculate', birth));
    expect(error.failure).toMatchObject({ kind: 'refused', status, problem: { type: 'about:blank', status } });
    expect(seen).toHaveLength(1);
  });

  test('of 2xx that is no JSON, or breaks off, is unreadable', async () => {
    answer = (response) => response.end('<html>');
    expect((await rejection(client.callSajuCube('calculate', birth))).failure).toEqual({
      kind: 'unreadable',
      status: 200,
    });
    answer = (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"half":', () => response.destroy());
    };
    expect((await rejection(client.callSajuCube('calculate', birth))).failure).toEqual({
      kind: 'unreadable',
      status: 200,
    });
  });
});

describe('time', () => {
  test('runs out for an answer that does not begin, and for one that does not end', async () => {
    const timed = new CubeAPIClient({ baseUrl, timeoutMillis: 150 });
    answer = () => undefined;
    const timedOut: CallFailure = { kind: 'timed_out', millis: 150 };
    expect((await rejection(timed.callSajuCube('calculate', birth))).failure).toEqual(timedOut);
    answer = (response) => response.writeHead(200).write('{');
    expect((await rejection(timed.callSajuCube('records/5', undefined, { method: 'GET' }))).failure).toEqual(timedOut);
    expect(seen).toHaveLength(2);
  });

  test('is over once the caller leaves: before, while waiting, and between two attempts', async () => {
    const reason = new Error('left the page');
    const before = await rejection(client.callSajuCube('calculate', birth, { signal: AbortSignal.abort(reason) }));
    expect([before.failure.kind, before.cause, seen.length]).toEqual(['aborted', reason, 0]);

    answer = () => undefined;
    const leaving = new AbortController();
    const waiting = rejection(client.callSajuCube('calculate', birth, { signal: leaving.signal }));
    await until('the request to arrive', async () => seen.length === 1);
    leaving.abort(reason);
    expect(await waiting).toMatchObject({ failure: { kind: 'aborted' }, cause: reason });

    answer = (response) => response.writeHead(503, { 'retry-after': '5' }).end();
    const between = new AbortController();
    const options = { method: 'GET', signal: between.signal } as const;
    const retrying = rejection(client.callSajuCube('records/5', undefined, options));
    await until('the first attempt', async () => seen.length === 2);
    between.abort(reason);
    expect((await retrying).failure.kind).toBe('aborted');
    expect(seen).toHaveLength(2);
  });
});

describe('a second attempt', () => {
  const cutOnce = () => {
    let cut = false;
    answer = (response, request) => {
      if (cut) return sendJson(response, 200, { fine: true });
      cut = true;
      request.socket.destroy();
    };
  };

  test('is made for an idempotent call when the connection was lost', async () => {
    cutOnce();
    expect(await client.callSajuCube('records/5', undefined, { method: 'GET' })).toEqual({ fine: true });
    cutOnce();
    expect(await client.callSajuCube('calculate', { ...birth, save: false }, { idempotent: true })).toEqual({
      fine: true,
    });
    expect(seen).toHaveLength(4);
  });

  test('is never made for another call that may have been executed', async () => {
    cutOnce();
    expect((await rejection(client.callSajuCube('calculate', birth))).failure).toEqual({ kind: 'unreachable' });
    expect(seen).toHaveLength(1);
  });

  test('waits for the Retry-After of the answer, and is not made without that much time', async () => {
    let asked = 0;
    answer = (response) =>
      asked++ === 0 ? response.writeHead(503, { 'retry-after': '0' }).end() : sendJson(response, 200, { fine: true });
    expect(await client.callSajuCube('records/5', undefined, { method: 'GET' })).toEqual({ fine: true });
    answer = (response) => response.writeHead(503, { 'retry-after': '3' }).end();
    const options = { method: 'GET', timeoutMillis: 2000 } as const;
    const error = await rejection(client.callSajuCube('records/5', undefined, options));
    expect(error.failure).toMatchObject({ kind: 'refused', status: 503, retryAfterSeconds: 3 });
    expect(seen).toHaveLength(3);
  });

  test('is made only for a few calls when all of them fail', async () => {
    answer = (_, request) => request.socket.destroy();
    const calls = Array.from({ length: 30 }, (_, id) =>
      rejection(client.callSajuCube(`records/${id}`, undefined, { method: 'GET' })),
    );
    for (const { failure } of await Promise.all(calls)) expect(failure).toEqual({ kind: 'unreachable' });
    expect(seen.length).toBeGreaterThan(30);
    expect(seen.length).toBeLessThanOrEqual(36);
  });
});

async function rejection(call: Promise<unknown>): Promise<CubeAPIError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CubeAPIError);
  return error as CubeAPIError;
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
