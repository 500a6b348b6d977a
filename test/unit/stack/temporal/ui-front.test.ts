import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createUiFront, readyPath } from '../../../../src/stack/temporal/ui-front.js';
import { UiLogin, uiLink } from '../../../../src/stack/temporal/ui-login.js';

const secret = 'a-secret-of-the-tests-of-thirty-two-letters';
/** What came through to the Web UI. */
let seen: { method: string; path: string; headers: IncomingHttpHeaders; body: string }[] = [];
let ui: Server;
let front: Server;
let port: number;
let cookie: string;

beforeAll(async () => {
  ui = createServer(async (incoming, answer) => {
    let body = '';
    for await (const chunk of incoming) body += chunk;
    seen.push({ method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body });
    answer.setHeader('access-control-allow-origin', '*');
    answer.setHeader('set-cookie', ['_csrf=1', 'other=2']);
    answer.setHeader('content-type', 'text/plain');
    if (incoming.url === '/slow') {
      answer.write('first ');
      await sleep(50);
    }
    answer.end(incoming.url === '/large' ? 'x'.repeat(4_000_000) : 'page');
  });
  ui.listen(0, '127.0.0.1');
  await once(ui, 'listening');
  const inner = (ui.address() as AddressInfo).port;
  // The port is part of what the front checks: it is looked for first.
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  port = (probe.address() as AddressInfo).port;
  await new Promise((resolve) => probe.close(resolve));
  front = createUiFront(new UiLogin(secret, port), { outside: port, ui: inner, rpc: inner });
  front.listen(port, '127.0.0.1');
  await once(front, 'listening');
  cookie = (await send({ path: `/open/${secret}` })).headers['set-cookie']?.[0]?.split(';')[0] ?? '';
});
beforeEach(() => {
  seen = [];
});
afterAll(() => {
  front.closeAllConnections();
  ui.closeAllConnections();
  front.close();
  ui.close();
});

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
}

/** As it is written: a browser's `fetch` would set some headers by itself. */
async function send({ method = 'GET', path = '/', headers = {}, body }: Sent) {
  const lines = Object.entries({ host: own(), connection: 'close', ...headers }).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [name, one]),
  );
  const length = body === undefined ? [] : ['content-length', String(Buffer.byteLength(body))];
  const asked = request({ host: '127.0.0.1', port, method, path, headers: [...lines, ...length], agent: false });
  asked.end(body);
  const [answer] = await once(asked, 'response');
  let text = '';
  for await (const chunk of answer) text += chunk;
  return { status: answer.statusCode as number, headers: answer.headers as IncomingHttpHeaders, text };
}

const own = () => `127.0.0.1:${port}`;

test('the number of connections is limited, whichever client opens them', () => {
  expect(front.maxConnections).toBe(512);
});

describe('access', () => {
  test('the link gives a cookie that only this front reads, and goes on to the page behind it without the secret', async () => {
    const { status, headers } = await send({ path: `/open/${secret}/namespaces/default/workflows/a%2Fb?x=1` });
    expect(status).toBe(200);
    expect(headers.refresh).toBe('0; url=/namespaces/default/workflows/a%2Fb?x=1');
    expect(headers['set-cookie']?.[0]).toMatch(/; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(JSON.stringify(headers)).not.toContain(secret);
    expect(uiLink(port, secret)).toBe(`http://${own()}/open/${secret}`);
    expect(seen).toEqual([]);
  });

  test.each(['', '/', '//evil.example/x', '/\\evil.example', '/%0d%0aset-cookie:%20a=b'])(
    'the page behind the link is one of this front: %j',
    async (page) => {
      const { headers } = await send({ path: `/open/${secret}${page}` });
      expect(headers.refresh).toMatch(/^0; url=\/(?![/\\])[!-~]*$/);
    },
  );

  test('the cookie opens every path, and does not go on to the Web UI', async () => {
    const { status, text } = await send({ path: '/api/v1/x?y=1', headers: { cookie: `_csrf=1; ${cookie}; a=b` } });
    expect([status, text]).toEqual([200, 'page']);
    expect(seen[0]).toMatchObject({ path: '/api/v1/x?y=1', headers: { cookie: '_csrf=1; a=b' } });
  });

  const later = () => String(Math.floor(Date.now() / 1000) + 86_400 * 30);
  test.each([
    ['nothing', () => ({})],
    ['a wrong secret', () => ({ path: `/open/${secret}x` })],
    ['half a secret', () => ({ path: `/open/${secret.slice(0, 9)}` })],
    ['no secret', () => ({ path: '/open/' })],
    ['the secret elsewhere', () => ({ path: `/?${secret}`, headers: { authorization: `Bearer ${secret}` } })],
    ['a cookie with a later end', () => ({ headers: { cookie: cookie.replace(/=\d+/, `=${later()}`) } })],
    ['a cookie of another front', () => ({ headers: { cookie: cookie.replace(/\d+=/, '1=') } })],
    ['half a cookie', () => ({ headers: { cookie: cookie.slice(0, -5) } })],
    ['an ended session', () => ({ headers: { cookie: ended() } })],
  ])('%s is refused with how to come in, and reaches nothing', async (_, sent) => {
    const { status, text } = await send(sent());
    expect([status, text]).toEqual([401, expect.stringContaining('TEMPORAL_UI_URL')]);
    expect(seen).toEqual([]);
  });

  const ended = () => new UiLogin(secret, port).cookie(new Date(Date.now() - 13 * 3_600_000)).split(';')[0] ?? '';
});

describe('where a request comes from', () => {
  test.each([
    ['another name', () => ({ host: 'evil.example' })],
    ['another name on this port', () => ({ host: `evil.example:${port}` })],
    ['a name that only begins right', () => ({ host: `127.0.0.1:${port}.evil.example` })],
    ['another port', () => ({ host: '127.0.0.1:1' })],
    ['no port', () => ({ host: '127.0.0.1' })],
    ['two names', () => ({ host: [own(), 'evil.example'] })],
    ['another origin', () => ({ host: own(), origin: 'http://evil.example' })],
    ['another port as origin', () => ({ host: own(), origin: 'http://127.0.0.1:1' })],
    ['no origin of a page', () => ({ host: own(), origin: 'null' })],
    ['a page of another site', () => ({ host: own(), 'sec-fetch-site': 'cross-site' })],
    ['a page of another port', () => ({ host: own(), 'sec-fetch-site': 'same-site' })],
    ['a frame', () => ({ ...link(), 'sec-fetch-dest': 'iframe' })],
  ])('%s is refused, whatever it requests, with the right cookie', async (_, headers) => {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'])
      for (const path of ['/', '/api/v1/x'])
        expect((await send({ method, path, headers: { cookie, ...headers() } })).status, method).toBeGreaterThanOrEqual(
          400,
        );
    expect(seen).toEqual([]);
  });

  const link = () => ({
    host: own(),
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  });

  test('a link of another site may be followed, and no form of one be sent', async () => {
    expect((await send({ headers: { cookie, ...link() } })).status).toBe(200);
    expect((await send({ method: 'POST', headers: { cookie, ...link() } })).status).toBe(403);
    expect(seen).toHaveLength(1);
  });

  test('its own pages may do everything, under both names of this machine', async () => {
    for (const name of [own(), `localhost:${port}`]) {
      const headers = { cookie, host: name, origin: `http://${name}`, 'sec-fetch-site': 'same-origin' };
      expect((await send({ method: 'POST', path: '/api/v1/x', headers, body: 'content' })).status).toBe(200);
      expect(seen.at(-1)).toMatchObject({ method: 'POST', body: 'content' });
      // The Web UI sees a request of its own page.
      expect(seen.at(-1)?.headers.origin).toBe(`http://${seen.at(-1)?.headers.host}`);
    }
  });

  test('an address instead of a path is refused', async () => {
    expect((await send({ path: `http://${own()}/`, headers: { cookie } })).status).toBe(403);
  });
});

test('an answer can be read by no other origin and shown in no frame, and keeps what else it says', async () => {
  const { headers } = await send({ headers: { cookie } });
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect(headers).toMatchObject({ 'x-frame-options': 'SAMEORIGIN', 'set-cookie': ['_csrf=1', 'other=2'] });
});

test('large and slow answers are streamed whole', async () => {
  expect((await send({ path: '/large', headers: { cookie } })).text).toHaveLength(4_000_000);
  expect((await send({ path: '/slow', headers: { cookie } })).text).toBe('first page');
});

test('readiness is public, and nothing else', async () => {
  expect(await send({ path: readyPath })).toMatchObject({ status: 200, text: 'ready\n' });
});
