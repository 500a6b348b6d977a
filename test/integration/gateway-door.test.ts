import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  metricsOf,
  sendJson,
  sendRaw,
  startGateway,
  statusOf,
  type TestGateway,
  TestUpstream,
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
  ])('with %s is 400 and reaches nobody', async (_name, target) => {
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
    ['delimiters', "/api/saju/a;b=c,d:@!$&'()*+~", "/a;b=c,d:@!$&'()*+~"],
  ])('escaped in part is forwarded in its one form: %s', async (_name, target, seen) => {
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
  ])('%s is refused and reaches nobody', async (_name, text, status) => {
    const answer = await sendRaw(gateway.port, text);
    expect(statusOf(answer)).toBe(status);
    expect(answer).toContain('application/problem+json');
    expect(legacy.seen).toEqual([]);
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

  test('a body that does not come is 408, and no upstream waited for it', async () => {
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
  test('of one hop, of other identities, and those that Connection names do not go on', async () => {
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
      ]),
    );
    const names = legacy.seen[0]?.rawHeaders.filter((_, place) => place % 2 === 0).map((name) => name.toLowerCase());
    expect(names?.sort()).toEqual([
      'connection',
      'host',
      'traceparent',
      'x-cube-source',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-kept',
      'x-request-deadline',
      'x-request-id',
    ]);
    expect(legacy.seen[0]?.headers).toMatchObject({ 'x-cube-source': 'api-gateway', 'x-kept': '2' });
  });

  test('a request id that can stand in a log is taken over, another is not', async () => {
    await sendRaw(gateway.port, get('/api/saju/records/1', ['X-Request-Id: abc-1']));
    await sendRaw(gateway.port, get('/api/saju/records/1', ['X-Request-Id: a b"c']));
    expect(legacy.seen[0]?.headers['x-request-id']).toBe('abc-1');
    expect(legacy.seen[1]?.headers['x-request-id']).toMatch(/^gateway-under-test-\w+$/);
  });

  test('every answer says under which id its request went, and no other', async () => {
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
])('%s %s is %i, and says what is served: %s', async (method, path, status, allow) => {
  const answer = await sendRaw(gateway.port, get(path).replace('GET', method));
  expect(statusOf(answer)).toBe(status);
  expect(/^Allow: (.*)\r$/m.exec(answer)?.[1] ?? null).toBe(allow);
});

describe('a request at which the gateway itself fails', () => {
  test.each([
    ['as any other', []],
    ['that waits for 100 Continue', ['Expect: 100-continue']],
    ['that expects something', ['Expect: something']],
    ['to be upgraded', ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: a']],
  ])('%s is 500, and the gateway goes on', async (_name, headers) => {
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

  test('that the client began goes on, with a span of the gateway', async () => {
    const seen = await ask(`Traceparent: ${parent}`, 'tracestate: a=1', 'tracestate: b=2');
    expect(seen?.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(seen?.traceparent).not.toBe(parent);
    expect(seen?.tracestate).toBe('a=1,b=2');
  });

  test.each([
    ['none is there', []],
    ['it is none', ['traceparent: 00-nonsense-b7ad6b7169203331-01', 'tracestate: a=1']],
    ['there are two', [`traceparent: ${parent}`, `traceparent: ${parent}`, 'tracestate: a=1']],
  ])('is begun where %s', async (_name, headers) => {
    const seen = await ask(...headers);
    expect(seen?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(seen?.traceparent).not.toContain(trace);
    expect(seen?.tracestate).toBeUndefined();
  });

  test('is named with the request in the log line of one that failed', async () => {
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
