import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { standardRequestHeaders } from '../../src/services/gateway/admission/forwarded-headers.js';
import { gatewayLimits } from '../../src/services/gateway/context.js';
import { RouteTable } from '../../src/services/gateway/routing/routes.js';
import {
  metricsOf,
  sendJson,
  sendRaw,
  startGateway,
  statusOf,
  type TestGateway,
  TestUpstream,
  tokenOf,
} from '../support/gateway.js';

let legacy: TestUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  legacy = await TestUpstream.start('legacy');
  gateway = await startGateway({ legacy: { saju: legacy.url }, limits: { headersMillis: 1000, requestMillis: 1500 } });
});
afterAll(async () => {
  await gateway.stop();
  await legacy.stop();
});
beforeEach(() => {
  legacy.seen.length = 0;
});

function get(target: string, headers: readonly string[] = [], host = 'Host: heal7'): string {
  return [`GET ${target} HTTP/1.1`, host, ...headers, '', ''].join('\r\n');
}

/** Sends each part once the gateway has read the one before it; returns everything until the connection ends. */
async function sendInParts(parts: readonly string[]): Promise<string> {
  const socket = connect({ port: gateway.port, host: '127.0.0.1', noDelay: true });
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  const closed = once(socket, 'close');
  for (const part of parts) {
    await new Promise((resolve) => socket.write(part, resolve));
    // An answer over another connection: by then it has read what came before.
    await fetch(`${gateway.url}/health`).then((health) => health.arrayBuffer());
  }
  await closed;
  return answer;
}

describe('a path', () => {
  test.each([
    ['a dot segment', '/api/saju/./records/1'],
    ['two dots', '/api/saju/../saju/records/1'],
    ['two dots at the end', '/api/saju/records/..'],
    ['escaped dots', '/api/saju/%2e%2e/records/1'],
    ['half escaped dots', '/api/saju/.%2E/records/1'],
    ['a backslash', '/api/saju/x\\..\\records/1'],
    ['an escaped backslash', '/api/saju/x%5c..%5Crecords'],
    ['an escaped slash', '/api/saju/records%2f1'],
    ['a NUL', '/api/saju/records/1%00'],
    ['a double slash', '/api/saju//records/1'],
    ['a double slash before all', '//api/saju/records/1'],
    ['a second escape', '/api/saju/%2561dmin'],
    ['a second escape in pieces', '/api/saju/%25%36%31dmin'],
    ['an escape cut short', '/api/saju/records/%4'],
    ['an escape that is none', '/api/saju/records/%zz'],
    ['a fragment', '/api/saju/records#1'],
    ['an absolute form', 'http://heal7/api/saju/records/1'],
    ['a byte that is not ASCII', '/api/saju/records/\u00e9'],
    ['another form', '*'],
    ...['..;', '.;', '..;a=1', '.;a', ';', ';a=1', '%2e%2e;', '.%2E;x', '..%3b', '%2e%3Bx', '%3b'].map((segment) => [
      `a segment that is nothing but dots and parameters, ${segment}`,
      `/api/saju/${segment}/records/1`,
    ]),
    ['dots and parameters at the end', '/api/saju/records/..;'],
    ...['c0ae', 'c0af', 'c19c', 'e080af', 'f08080af', 'f8808080af', 'eda080', 'f4908080', '80', 'e9', 'e282'].map(
      (bytes) => [`bytes that are no UTF-8, ${bytes}`, `/api/saju/records/${bytes.replaceAll(/../g, '%$&')}`],
    ),
  ])('with %s is 400 and reaches no service', async (_name, target) => {
    const answer = await sendRaw(gateway.port, Buffer.from(get(target), 'latin1'));
    expect(statusOf(answer)).toBe(400);
    expect(answer).toContain('application/problem+json');
    expect(answer).toMatch(/\r\nX-Request-Id: [\w.:-]+\r\n/);
    expect(legacy.seen).toEqual([]);
  });

  test.each([
    ['letters', '/api/saju/%72ecords/%31', '/records/1'],
    ['a user id of any letters', '/api/saju/users/%ec%82%ac/records?limit=5', '/users/%EC%82%AC/records?limit=5'],
    ['what stays escaped', '/api/saju/users/a%20b%3f/records', '/users/a%20b%3F/records'],
    ['a percent sign', '/api/saju/users/100%25/records', '/users/100%25/records'],
    ['a hidden name', '/api/saju/.well-known', '/.well-known'],
    ['a query of any form', '/api/saju/records/1?q=//..%2f&%zz', '/records/1?q=//..%2f&%zz'],
    ['parameters', '/api/saju/records;v=1/1;a', '/records;v=1/1;a'],
    ['delimiters', "/api/saju/a;b=c,d:@!$&'()*+~", "/a;b=c,d:@!$&'()*+~"],
  ])('escaped in part is forwarded in its canonical form: %s', async (_name, target, seen) => {
    expect(statusOf(await sendRaw(gateway.port, get(target)))).toBe(200);
    expect(legacy.seen.map(({ url }) => url)).toEqual([seen]);
  });
});

describe('framing and limits', () => {
  const crlf = '\r\n';
  const post = (headers: readonly string[], body = '') =>
    ['POST /api/saju/calculate HTTP/1.1', 'Host: heal7', ...headers, '', body].join(crlf);

  test.each([
    ['two Host headers', get('/api/saju/records/1', ['Host: other']), 400],
    ['no Host header', 'GET /api/saju/records/1 HTTP/1.1\r\n\r\n', 400],
    ['an upgrade to something else', get('/api/saju/records/1', ['Connection: upgrade', 'Upgrade: foo']), 400],
    ['an Upgrade header alone', get('/api/saju/records/1', ['Upgrade: h2c']), 400],
    ['an expectation', post(['Expect: 100-continue', 'Content-Length: 2'], '{}'), 417],
    ['an unknown expectation', post(['Expect: gold', 'Content-Length: 2'], '{}'), 417],
    ['length and chunks at once', post(['Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n'), 400],
    ['two lengths', post(['Content-Length: 2', 'Content-Length: 3'], '{}'), 400],
    ['a length that is no number', post(['Content-Length: 2x'], '{}'), 400],
    ['an encoding that is not chunked at its end', post(['Transfer-Encoding: chunked, gzip'], '{}'), 400],
    ['an encoding hidden by a tab', post(['Transfer-Encoding:\tchunked', 'Content-Length: 4'], '0\r\n\r\n'), 400],
    ['a header name with a space', get('/api/saju/records/1', ['X-User-Id : alice']), 400],
    ['a folded header', get('/api/saju/records/1', ['X-A: 1', ' X-User-Id: alice']), 400],
    ['a bare line feed', 'GET /api/saju/records/1 HTTP/1.1\nHost: heal7\n\n', 400],
    ['a bad chunk size', post(['Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n'), 400],
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['a URL of 8 KiB and more', get(`/api/saju/${'a'.repeat(8200)}`), 414],
    ['a header of 16 KiB and more', get('/api/saju/records/1', [`X-A: ${'a'.repeat(17_000)}`]), 431],
    ['a header past all measure', get('/api/saju/records/1', [`X-A: ${'a'.repeat(200_000)}`]), 431],
    [
      '101 headers',
      get(
        '/api/saju/records/1',
        Array.from({ length: 100 }, (_, n) => `X-${n}: 1`),
      ),
      431,
    ],
    ['a body over 1 MiB', post(['Content-Length: 1048577']), 413],
    ['TRACE', get('/api/saju/records/1').replace('GET', 'TRACE'), 405],
    ['HTTP/0.9', 'GET /api/saju/records/1\r\n\r\n', 400],
    ...['HTTP/0.9', 'HTTP/2.0', 'HTTP/1.2', 'HTTP/3', 'RTSP/1.0', 'RTSP/1.1', 'RTSP/2.0', 'ICE/1.0'].map(
      (protocol): [string, string, number] => [protocol, get('/api/saju/records/1').replace('HTTP/1.1', protocol), 400],
    ),
    ...['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY', 'POST'].map((method): [string, string, number] => [
      `${method} of RTSP`,
      get('/api/saju/records/1').replace('GET', method).replace('HTTP/1.1', 'RTSP/1.0'),
      400,
    ]),
    ['SOURCE of ICE', get('/api/saju/records/1').replace('GET', 'SOURCE').replace('HTTP/1.1', 'ICE/1.0'), 400],
    ['RTSP by its own URL', 'OPTIONS rtsp://heal7/records/1 RTSP/1.0\r\nCSeq: 1\r\n\r\n', 400],
    ...['gzip, chunked', 'gzip,chunked', 'chunked, chunked', 'identity', 'identity, chunked', 'gzip', '"chunked"'].map(
      (encoding): [string, string, number] => [
        `the encoding ${encoding}`,
        post([`Transfer-Encoding: ${encoding}`], '2\r\n{}\r\n0\r\n\r\n'),
        400,
      ],
    ),
    ['two encodings', post(['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'], '0\r\n\r\n'), 400],
    ['chunks in HTTP/1.0', post(['Transfer-Encoding: chunked'], '0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'), 400],
  ])('%s is refused and reaches no service', async (_name, text, status) => {
    const answer = await sendRaw(gateway.port, text);
    expect(statusOf(answer)).toBe(status);
    expect(answer).toContain('application/problem+json');
    expect(legacy.seen).toEqual([]);
  });

  test('bytes after a body with an ambiguous end are no request', async () => {
    const hidden = get('/api/saju/records/1');
    for (const [headers, version] of [
      [['Transfer-Encoding: gzip, chunked'], 'HTTP/1.1'],
      [['Transfer-Encoding: chunked', 'Connection: keep-alive'], 'HTTP/1.0'],
    ] as const) {
      const text = post(headers, `0\r\n\r\n${hidden}`).replace('HTTP/1.1', version);
      const answer = await sendRaw(gateway.port, text, () => false);
      expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 400']);
    }
    expect(legacy.seen).toEqual([]);
  });

  test.each([
    ['RTSP/1.0', get('/api/saju/records/2').replace('HTTP/1.1', 'RTSP/1.0')],
    ['RTSP/1.1', get('/api/saju/records/2').replace('HTTP/1.1', 'RTSP/1.1')],
    ['RTSP/1.1 behind spaces', get('/api/saju/records/2').replace(' HTTP/1.1', '   RTSP/1.1')],
    ['ICE/1.1', get('/api/saju/records/2').replace('GET', 'SOURCE').replace('HTTP/1.1', 'ICE/1.1')],
  ])('%s is refused after an HTTP request on the same connection too', async (_, second) => {
    const text = get('/api/saju/records/1') + second;
    const answer = await sendRaw(gateway.port, text, () => false);
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(legacy.seen.map(({ url }) => url)).toEqual(['/records/1']);
  });

  test.each([1, 2])('RTSP is refused over several packets, as request %i of a connection', async (which) => {
    const [before, answers] = which === 1 ? ['', ['400']] : [get('/api/saju/records/1'), ['200', '400']];
    const rtsp = get('/api/saju/records/2', [`X-A: ${'a'.repeat(4000)}`]).replace('HTTP/1.1', 'RTSP/1.1');
    for (const cut of [3, 20, 28, 32, 60, 3000]) {
      const answer = await sendInParts([before + rtsp.slice(0, cut), rtsp.slice(cut)]);
      expect([cut, answer.match(/(?<=HTTP\/1\.1 )\d{3}/g)]).toEqual([cut, answers]);
    }
    expect(legacy.seen.filter(({ url }) => url !== '/records/1')).toEqual([]);
  });

  test('a request that mentions RTSP in its body is served, and so is the next one', async () => {
    const body = 'GET /api/saju/records/2 RTSP/1.1\r\nCSeq: 1\r\n\r\n';
    const text = post([`Content-Length: ${body.length}`], body) + get('/api/saju/records/3');
    const answer = await sendRaw(gateway.port, text, (all) => all.split('HTTP/1.1 ').length > 2);
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  });

  test('chunked, in any case, and HTTP/1.0 with a length are served', async () => {
    const chunks = '2\r\n{}\r\n0\r\n\r\n';
    for (const text of [
      post(['Transfer-Encoding: chunked'], chunks),
      post(['Transfer-Encoding: Chunked'], chunks),
      post(['Content-Length: 2'], '{}').replace('HTTP/1.1', 'HTTP/1.0'),
      post(['Content-Type: text/plain', 'Content-Length: 31'], ' RTSP/1.0 is what this speaks of'.slice(0, 31)),
    ])
      expect(statusOf(await sendRaw(gateway.port, text))).toBe(200);
  });

  test('a chunked body that grows over 1 MiB is 413', async () => {
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`;
    const answer = await sendRaw(gateway.port, post(['Transfer-Encoding: chunked'], chunk.repeat(17)));
    expect(statusOf(answer)).toBe(413);
  });

  test('headers that come byte by byte are 408', async () => {
    const answer = await sendRaw(gateway.port, 'GET /api/saju/records/1 HTTP/1.1\r\nHost: he');
    expect(statusOf(answer)).toBe(408);
    expect(answer).toContain('application/problem+json');
  });

  test('a body that does not arrive is 408, and no upstream waited for it', async () => {
    const answer = await sendRaw(gateway.port, post(['Content-Length: 10'], '{"a'));
    expect(statusOf(answer)).toBe(408);
    expect(legacy.seen).toEqual([]);
  });

  test('none of it counts against a side', async () => {
    const metrics = await metricsOf(gateway);
    const failed = [...metrics.matchAll(/^gateway_upstream_requests_total.*status="5\d\d".*$/gm)];
    expect(failed.map(([line]) => line)).toEqual([]);
    expect(metrics).toMatch(/gateway_window_failed_requests_total\{cube="saju",target="legacy"\} 0/);
  });
});

describe('headers', () => {
  test('of one hop, of other identities, and those that Connection names are not forwarded', async () => {
    await sendRaw(
      gateway.port,
      get('/api/saju/records/1', [
        'Keep-Alive: timeout=9',
        'X-Cube-Shadow: 1',
        'TE: trailers',
        'Trailer: X-Later',
        'Proxy-Authorization: Basic eDp5',
        'Proxy-Connection: keep-alive',
        'X_User_Id: mallory',
        'x_cube_token: forged',
        'X-Cube-Token: forged',
        'X-Cube-Source: forged',
        'X-Real-IP: 1.2.3.4',
        'Forwarded: for=1.2.3.4',
        'X-HTTP-Method-Override: DELETE',
        'X-Original-URL: /admin',
        'Connection: keep-alive, X-Private',
        'X-Private: 1',
        'X-Kept: 2',
        'Referer: 3',
      ]),
    );
    const names = legacy.seen[0]?.rawHeaders.filter((_, place) => place % 2 === 0).map((name) => name.toLowerCase());
    expect(names?.sort()).toEqual([
      'connection',
      'host',
      'referer',
      'traceparent',
      'x-cube-source',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-request-deadline',
      'x-request-id',
    ]);
    expect(legacy.seen[0]?.headers).toMatchObject({ 'x-cube-source': 'api-gateway', referer: '3' });
  });

  test('that could impersonate a caller are never forwarded, whatever their spelling and sender', async () => {
    const names = [
      ...['x-user-id', 'x-user', 'x-userid', 'x-user-email', 'x-remote-user', 'remote-user', 'x-authenticated-user'],
      ...[
        'x-auth-request-user',
        'x-auth-request-email',
        'x-auth-request-access-token',
        'x-webauth-user',
        'x-auth-user',
      ],
      ...['x-forwarded-user', 'x-forwarded-email', 'x-forwarded-preferred-username', 'x-forwarded-groups'],
      ...['x-forwarded-host', 'x-forwarded-port', 'x-forwarded-prefix', 'x-forwarded-scheme', 'x-forwarded-server'],
      ...['x-forwarded-client-cert', 'client-cert', 'x-client-cert', 'ssl-client-s-dn', 'x-ssl-client-verify'],
      ...['x-goog-authenticated-user-email', 'x-amzn-oidc-identity', 'x-ms-client-principal', 'x-jwt-assertion'],
      ...['cf-access-jwt-assertion', 'tailscale-user-login', 'x-authentik-username', 'x-consumer-id', 'x-real-ip'],
      ...['forwarded', 'true-client-ip', 'cf-connecting-ip', 'x-client-ip', 'from', 'via', 'x-api-key', 'x-scheme'],
      ...['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-method-override', 'x-request-deadline'],
      ...['x-cube-token', 'x-cube-source', 'x-cube-target', 'x-cube-shadow', 'x-cube-call', 'x-cube-synthetic'],
      ...['proxy-authorization', 'proxy-connection', 'keep-alive', 'te', 'trailer', 'http2-settings', 'x-anything'],
    ];
    // Every character of a name that is neither letter nor digit (RFC 9110, section 5.6.2).
    const spellings = [..."!#$%&'*+.^_`|~"].flatMap((character) =>
      names.filter((name) => name.includes('-')).map((name) => name.replaceAll('-', character)),
    );
    const upper = names.map((name) => name.toUpperCase());
    // An edge says who asks, by the one name.
    const byEdge = spellings.filter((name) => name.toLowerCase() !== 'x-user-id');
    const outside = await startGateway({ legacy: { saju: legacy.url }, trustedEdges: [] });
    try {
      for (const [port, sent] of [
        [outside.port, [...names, ...upper, ...spellings]],
        [gateway.port, byEdge],
      ] as const)
        for (let from = 0; from < sent.length; from += 90) {
          const headers = sent.slice(from, from + 90).map((name) => `${name}: mallory`);
          for (const target of ['/api/saju/records/1', '/api/saju/elsewhere'])
            expect(statusOf(await sendRaw(port, get(target, headers)))).toBe(200);
        }
      const passed = legacy.seen.flatMap(({ rawHeaders }) =>
        rawHeaders.filter((_, place) => rawHeaders[place - (place % 2) + 1]?.includes('mallory')),
      );
      expect(passed).toEqual([]);
      expect(legacy.seen.length).toBeGreaterThan(20);
    } finally {
      await outside.stop();
    }
  });

  test('that standards name are forwarded, and those that the route declares only there', async () => {
    const standard = [...standardRequestHeaders];
    await sendRaw(
      gateway.port,
      get(
        '/api/saju/records/1',
        standard.map((name) => `${name}: 1`),
      ),
    );
    expect(Object.keys(legacy.seen[0]?.headers ?? {})).toEqual(expect.arrayContaining(standard));
    const table = new RouteTable(gatewayLimits);
    const declared = [...table.declaredHeaders].filter((name) => !/^(x-request-id|trace)/.test(name));
    expect(declared).toEqual(expect.arrayContaining(['idempotency-key', 'x-cube-client']));
    for (const route of table.all.filter(({ label }) => label === 'saju')) {
      const [method = 'POST'] = route.methods;
      const target = route.endpoint.replace('*', 'elsewhere').replaceAll(/:\w+/g, '1');
      legacy.seen.length = 0;
      await sendRaw(
        gateway.port,
        get(target, [...declared.map((name) => `${name}: 1`), 'Content-Length: 0']).replace('GET', method),
        method === 'HEAD' ? (answer) => answer.includes('\r\n\r\n') : undefined,
      );
      const seen = Object.keys(legacy.seen[0]?.headers ?? {}).filter((name) => declared.includes(name));
      expect([route.endpoint, method, seen.sort()]).toEqual([
        route.endpoint,
        method,
        declared.filter((name) => route.headers.has(name)).sort(),
      ]);
    }
  });

  test("legacy never gets a cube's token; a cube does, and both get a user's", async () => {
    const cube = await TestUpstream.start('cube');
    const here = await startGateway({
      legacy: { saju: legacy.url, ai: legacy.url },
      cubes: [['saju-cube', [cube.endpoint]]],
    });
    const ask = async (kind: 'user' | 'cube', path = '/api/saju/records/1', more: readonly string[] = []) => {
      const token = tokenOf(kind);
      const answer = await sendRaw(here.port, get(path, [`Authorization: Bearer ${token}`, ...more]));
      const [seen] = [...legacy.seen.splice(0), ...cube.seen.splice(0)];
      return [/X-Cube-Target: (\w+)/.exec(answer)?.[1], seen?.headers.authorization === `Bearer ${token}`];
    };
    try {
      expect(await ask('cube')).toEqual(['legacy', false]);
      expect(await ask('cube', '/api/ai/models')).toEqual(['legacy', false]);
      expect(await ask('cube', '/api/saju/records/1', ['Connection: Upgrade', 'Upgrade: websocket'])).toEqual([
        'legacy',
        false,
      ]);
      expect(await ask('user')).toEqual(['legacy', true]);
      expect(await ask('user', '/api/ai/models')).toEqual(['legacy', true]);
      here.controls.weight(100);
      expect(await ask('cube')).toEqual(['cube', true]);
      expect(await ask('user')).toEqual(['cube', true]);
      // A cube that is away leaves its callers to legacy.
      here.controls.cubes.clear();
      expect(await ask('cube')).toEqual(['legacy', false]);
    } finally {
      await here.stop();
      await cube.stop();
    }
  });

  test('a request id that is safe in a log is kept, another is replaced', async () => {
    await sendRaw(gateway.port, get('/api/saju/records/1', ['X-Request-Id: abc-1']));
    await sendRaw(gateway.port, get('/api/saju/records/1', ['X-Request-Id: a b"c']));
    expect(legacy.seen[0]?.headers['x-request-id']).toBe('abc-1');
    expect(legacy.seen[1]?.headers['x-request-id']).toMatch(/^gateway-under-test-\w+$/);
  });

  test('every response has exactly the id of its request', async () => {
    const answers = await TestUpstream.start('answers', (_, res) => {
      res.setHeader('X-Request-Id', 'of-the-upstream');
      sendJson(res, {});
    });
    const here = await startGateway({ legacy: { saju: answers.url, ai: answers.url } });
    try {
      const paths = ['/api/saju/records/1', '/api/ai/models', '/api/ai/models', '/api/paperwork/files/1', '/health'];
      paths.push('/ready', '/metrics', '/_gateway/shadow', '/%2e%2e/x', `/api/saju/${'a'.repeat(8200)}`);
      for (const [place, path] of paths.entries()) {
        const answer = await sendRaw(here.port, get(path, [`X-Request-Id: id-${place}`]));
        expect([path, ...answer.matchAll(/^x-request-id: (.*)\r$/gim)].map(String).slice(1)).toEqual([
          `X-Request-Id: id-${place}\r,id-${place}`,
        ]);
      }
      const named = await sendRaw(here.port, get('/api/saju/records/1'));
      expect(named).toContain(`X-Request-Id: ${answers.seen.at(-1)?.headers['x-request-id']}\r\n`);
    } finally {
      await here.stop();
      await answers.stop();
    }
  });
});

test.each([
  ['POST', '/health', 405, 'GET, HEAD'],
  ['DELETE', '/metrics', 405, 'GET, HEAD'],
  ['PUT', '/_gateway/shadow', 405, 'GET, HEAD'],
  ['PUT', '/_gateway/nothing', 401, null],
  ['CONNECT', 'a:443', 405, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
  ['TRACE', '/api/saju/records/1', 405, 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'],
])('%s %s is %i, with the served methods: %s', async (method, path, status, allow) => {
  const answer = await sendRaw(gateway.port, get(path).replace('GET', method));
  expect(statusOf(answer)).toBe(status);
  expect(/^Allow: (.*)\r$/m.exec(answer)?.[1] ?? null).toBe(allow);
});

describe.each([
  '/health',
  '/ready',
  '/metrics',
  '/_gateway/shadow',
  '/_gateway/latencies?cube=saju',
  '/api/saju/records/1',
])('admission applies to every request: %s', (path) => {
  const authorization = `Authorization: Bearer ${tokenOf('cube')}`;

  test.each<[string, string, number]>([
    ['two Hosts', get(path, ['Host: other']), 400],
    ['no Host', get(path, [], 'X-A: 1'), 400],
    ['two tokens', get(path, [authorization, authorization]), 400],
    ['two users', get(path, ['X-User-Id: a', 'X-User-Id: b']), 400],
    ['a bad token', get(path, ['Authorization: Bearer forged']), 401],
    ['another scheme', get(path, ['Authorization: Basic eDp5']), 401],
    ['an expectation', get(path, ['Expect: 100-continue']), 417],
    ['an upgrade to something else', get(path, ['Connection: upgrade', 'Upgrade: foo']), 400],
    ['dots', get(`/.${path}`), 400],
    ['a long URL', get(`${path}${path.includes('?') ? '&' : '?'}${'a'.repeat(8200)}`), 414],
    ['a large header', get(path, [`X-A: ${'a'.repeat(17_000)}`]), 431],
    [
      'many headers',
      get(
        path,
        Array.from({ length: 100 }, (_, n) => `X-${n}: 1`),
      ),
      431,
    ],
    ['HTTP/0.9', `GET ${path}\r\n\r\n`, 400],
    ['RTSP', get(path).replace('HTTP/1.1', 'RTSP/1.0'), 400],
    ['an encoding', get(path, ['Transfer-Encoding: gzip, chunked']), 400],
    ['TRACE', get(path).replace('GET', 'TRACE'), 405],
  ])('with %s', async (_name, text, status) => {
    const answer = await sendRaw(gateway.port, text);
    expect(statusOf(answer)).toBe(status);
    expect(answer).toContain('application/problem+json');
    expect(answer.match(/\r\nX-Request-Id: /g)).toHaveLength(1);
    expect(legacy.seen).toEqual([]);
  });

  test('by another spelling of its path too', async () => {
    const [first = '', ...rest] = path.slice(1);
    const escaped = `/%${first.charCodeAt(0).toString(16)}${rest.join('')}`;
    const [plain, other] = [await sendRaw(gateway.port, get(path)), await sendRaw(gateway.port, get(escaped))];
    expect(statusOf(other)).toBe(statusOf(plain));
    expect(other.includes('X-Cube-Target')).toBe(plain.includes('X-Cube-Target'));
  });
});

test('no own endpoint of the gateway is a WebSocket', async () => {
  for (const path of ['/health', '/ready', '/metrics', '/_gateway/shadow', '/_gateway/x']) {
    const hello = get(path, ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: a']);
    expect(statusOf(await sendRaw(gateway.port, hello))).toBe(400);
  }
});

describe('a request at which the gateway itself fails', () => {
  test.each([
    ['as any other', []],
    ['that waits for 100 Continue', ['Expect: 100-continue']],
    ['that expects something', ['Expect: something']],
    ['to be upgraded', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: a']],
  ])('%s is 500, and the gateway keeps serving', async (_name, headers) => {
    const { rateLimits, fail } = failingLimits();
    const here = await startGateway({ legacy: { saju: legacy.url }, rateLimits, trustedEdges: [] });
    try {
      fail(true);
      const answer = await sendRaw(here.port, get('/api/saju/records/1', headers));
      expect(statusOf(answer)).toBe(500);
      expect(answer).toContain('The gateway failed at this request.');
      fail(false);
      expect(statusOf(await sendRaw(here.port, get('/api/saju/records/1')))).toBe(200);
    } finally {
      await here.stop();
    }
  });

  /** The first thing that every request meets, failing when it is told to. */
  function failingLimits() {
    let failing = false;
    const take = () => {
      if (failing) throw new Error('planted');
      return 0;
    };
    return {
      rateLimits: { address: { take } },
      fail: (whether: boolean) => {
        failing = whether;
      },
    };
  }
});

describe('a trace', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const parent = `00-${trace}-b7ad6b7169203331-01`;
  const ask = async (...headers: string[]) => {
    await sendRaw(gateway.port, get('/api/saju/records/1', headers));
    return legacy.seen.at(-1)?.headers;
  };

  test('of the client continues, with a span of the gateway', async () => {
    const seen = await ask(`Traceparent: ${parent}`, 'tracestate: a=1', 'tracestate: b=2');
    expect(seen?.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(seen?.traceparent).not.toBe(parent);
    expect(seen?.tracestate).toBe('a=1,b=2');
  });

  test.each([
    ['none is there', []],
    ['it is none', ['traceparent: 00-nonsense-b7ad6b7169203331-01', 'tracestate: a=1']],
    ['there are two', [`traceparent: ${parent}`, `traceparent: ${parent}`, 'tracestate: a=1']],
  ])('is started where %s', async (_name, headers) => {
    const seen = await ask(...headers);
    expect(seen?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(seen?.traceparent).not.toContain(trace);
    expect(seen?.tracestate).toBeUndefined();
  });

  test('is in the log line of a failed request', async () => {
    const lines: Readonly<Record<string, unknown>>[] = [];
    const here = await startGateway({ onLog: (line) => lines.push(line) });
    try {
      for (const upgrade of [[], ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: a']])
        await sendRaw(
          here.port,
          get('/api/saju/records/1', ['X-Request-Id: r-1', `traceparent: ${parent}`, ...upgrade]),
        );
      const line = {
        request_id: 'r-1',
        trace_id: trace,
        cube: 'saju',
        status: 503,
        msg: 'Nothing serves /api/saju/ now.',
      };
      expect(lines).toMatchObject([line, line]);
    } finally {
      await here.stop();
    }
  });
});
