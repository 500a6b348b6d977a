import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import type { GatewayLimits } from '../../src/services/gateway/context.js';
import { until } from '../support/conditions.js';
import {
  metricsOf,
  sendJson,
  sendRaw,
  startGateway,
  statusOf,
  type TestGateway,
  TestUpstream,
  tokenOf,
  userSecret,
  webSocketHello,
} from '../support/gateway.js';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** The monolith before the gateway, doing as the test says. */
async function gatewayBefore(
  upstream: TestUpstream | { readonly url: string },
  limits: Partial<GatewayLimits> = {},
): Promise<TestGateway> {
  const gateway = await startGateway({ legacy: { saju: upstream.url, paperwork: upstream.url }, limits });
  stops.push(() => gateway.stop());
  return gateway;
}

async function upstreamOf(listener: Parameters<typeof TestUpstream.listen>[1]): Promise<TestUpstream> {
  const upstream = await TestUpstream.listen('legacy', listener);
  stops.push(() => upstream.stop());
  return upstream;
}

/** A server below HTTP. */
async function rawUpstream(take: (socket: Socket) => void): Promise<{ url: string; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    take(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** A port behind which nobody accepts: its queue is full, and whoever connects hears nothing. */
async function neverAccepting(): Promise<{ url: string; stop: () => Promise<void> }> {
  const program = `
import socket, sys
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen(0)
waiting = [socket.socket() for _ in range(4)]
for one in waiting:
    one.setblocking(False)
    one.connect_ex(listener.getsockname())
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
`;
  const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = await once(child.stdout, 'data');
  return {
    url: `http://127.0.0.1:${Number(String(port))}`,
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

const record = 'GET /api/saju/records/1 HTTP/1.1\r\nHost: a\r\n\r\n';

describe('answers', () => {
  test.each([
    ['HEAD', 'HEAD', 200, { 'content-length': '5' }],
    ['204', 'GET', 204, {}],
    ['304', 'GET', 304, { etag: '"1"' }],
  ])('without a body are passed on as such: %s', async (_name, method, status, headers) => {
    const upstream = await upstreamOf((_, res) => void res.writeHead(status, headers).end());
    const gateway = await gatewayBefore(upstream);
    const text = record.replace('GET', method);
    const twice = await sendRaw(gateway.port, text + text, (answer) => answer.split('\r\n\r\n').length > 2);
    expect(twice.match(/HTTP\/1\.1 (\d+)/g)).toEqual([`HTTP/1.1 ${status}`, `HTTP/1.1 ${status}`]);
    for (const [name, value] of Object.entries(headers)) expect(twice).toContain(`${name}: ${value}`);
  });

  test('with headers of one hop lose them, those that Connection names too', async () => {
    const upstream = await upstreamOf((_, res) => {
      res.writeHead(200, {
        connection: 'close, x-secret',
        'x-secret': '1',
        'proxy-authenticate': 'x',
        'x-kept': '2',
        'x-cube-target': 'forged',
        'content-length': 0,
      });
      res.end();
    });
    const answer = await fetch(`${(await gatewayBefore(upstream)).url}/api/saju/records/1`);
    expect(answer.headers.get('x-secret')).toBeNull();
    expect(answer.headers.get('proxy-authenticate')).toBeNull();
    expect(answer.headers.get('x-kept')).toBe('2');
    expect(answer.headers.get('x-cube-target')).toBe('legacy');
  });

  test('keep cookies apart and bytes as they are', async () => {
    const bytes = randomBytes(300_000);
    const upstream = await upstreamOf((_, res) => {
      res.setHeader('set-cookie', ['a=1', 'b=2']);
      res.end(bytes);
    });
    const answer = await fetch(`${(await gatewayBefore(upstream)).url}/api/saju/records/1`);
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test('of 1xx come before the real one', async () => {
    const upstream = await upstreamOf((_, res) => {
      res.writeEarlyHints({ link: '</a>; rel=preload' });
      sendJson(res, { real: true });
    });
    expect(await (await fetch(`${(await gatewayBefore(upstream)).url}/api/saju/records/1`)).json()).toEqual({
      real: true,
    });
  });

  test('a client of HTTP/1.0 gets one that ends with its connection', async () => {
    const upstream = await upstreamOf((_, res) => {
      res.write('a');
      res.end('b');
    });
    const answer = await sendRaw(
      (await gatewayBefore(upstream)).port,
      'GET /api/saju/records/1 HTTP/1.0\r\n\r\n',
      () => false,
    );
    expect(answer).toMatch(/\r\n\r\nab$/);
  });
});

describe('streams', () => {
  test('events arrive one by one, and silence does not end them', async () => {
    let send: ((text: string) => void) | undefined;
    const upstream = await upstreamOf((_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
      send = (text) => void res.write(text);
    });
    const gateway = await gatewayBefore(upstream, { idleMillis: 300 });
    const answer = await fetch(`${gateway.url}/api/saju/unknown`);
    const reader = answer.body?.getReader();
    send?.('data: 1\n\n');
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 1\n\n');
    const quiet = performance.now();
    await until('a silence longer than other answers may have', () => performance.now() - quiet > 900);
    send?.('data: 2\n\n');
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 2\n\n');
    await reader?.cancel();
  });

  test('a client that stops reading its events is disconnected', async () => {
    const upstream = await upstreamOf((_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      const more = () => {
        if (res.write(`data: ${'a'.repeat(65_536)}\n\n`)) setImmediate(more);
        else res.once('drain', more);
      };
      more();
    });
    const gateway = await gatewayBefore(upstream, { idleMillis: 300 });
    const socket = connect(gateway.port, '127.0.0.1').pause();
    socket.write(record);
    await until('the upstream to be asked', () => upstream.sockets.size === 1);
    await until('the upstream to be let go', () => upstream.sockets.size === 0);
    socket.destroy();
  });

  test('a client that does not read slows the upstream down', async () => {
    let written = 0;
    const upstream = await upstreamOf((_, res) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = () => {
        written += chunk.length;
        if (res.write(chunk)) setImmediate(more);
        else res.once('drain', more);
      };
      more();
    });
    const gateway = await gatewayBefore(upstream);
    const socket = connect(gateway.port, '127.0.0.1');
    socket.pause();
    socket.write(record);
    let last = -1;
    await until('the upstream to stand still', () => {
      const still = written > 0 && written === last;
      last = written;
      return still;
    });
    expect(written).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
    await until('the upstream to be let go', () => upstream.sockets.size === 0);
  });

  test('a client that never reads its response is disconnected, without a failure of the service', async () => {
    const upstream = await upstreamOf((_, res) => void res.end(Buffer.alloc(64 * 1024 * 1024)));
    const gateway = await gatewayBefore(upstream, { idleMillis: 300 });
    const socket = connect(gateway.port, '127.0.0.1').pause();
    socket.write(record);
    await until('it to be counted', async () => (await metricsOf(gateway)).includes('status="499"} 1'));
    await until('the upstream to be let go', () => upstream.sockets.size === 0);
    expect(await metricsOf(gateway)).not.toContain('status="504"');
    socket.destroy();
  });

  test('a file goes up as it comes, larger than any other body, with back-pressure', async () => {
    const bytes = 40 * 1024 * 1024;
    const sent = createHash('sha256');
    const upstream = await upstreamOf((req, res) => {
      const hash = createHash('sha256');
      req.on('data', (chunk: Buffer) => hash.update(chunk));
      req.on('end', () => sendJson(res, { hash: hash.digest('hex') }, 201));
    });
    const gateway = await gatewayBefore(upstream);
    async function* chunks() {
      for (let done = 0; done < bytes; done += 65_536) {
        const chunk = randomBytes(65_536);
        sent.update(chunk);
        yield chunk;
      }
    }
    const answer = await fetch(`${gateway.url}/api/paperwork/files`, {
      method: 'POST',
      body: Readable.from(chunks()),
      duplex: 'half',
    } as RequestInit);
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({ hash: sent.digest('hex') });
  });

  test('parts of a chunked body reach the upstream before its end', async () => {
    let first = '';
    const upstream = await upstreamOf((req, res) => {
      req.once('data', (chunk: Buffer) => {
        first = chunk.toString();
      });
      req.on('end', () => sendJson(res, {}));
      req.resume();
    });
    const gateway = await gatewayBefore(upstream);
    const req = request(`${gateway.url}/api/saju/unknown`, { method: 'POST' });
    req.write('first');
    await until('the first part', () => first === 'first');
    req.end('last');
    const [answer] = await once(req, 'response');
    expect(answer.statusCode).toBe(200);
    answer.resume();
  });

  test('an answer before the end of the body reaches the client whole, and the connection serves on', async () => {
    const upstream = await upstreamOf((req, res) => {
      if (req.method === 'GET') sendJson(res, { next: true });
      else sendJson(res, { early: true }, 403);
    });
    const gateway = await gatewayBefore(upstream);
    const body = 'a'.repeat(900_000);
    const text = `POST /api/saju/unknown HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}${record}`;
    const answer = await sendRaw(gateway.port, text, (all) => all.includes('next'));
    expect(statusOf(answer)).toBe(403);
    expect(answer).toContain('{"early":true}');
    expect(answer).toContain('{"next":true}');
  });
});

describe('a client that goes away', () => {
  test('before its answer ends the call upstream, and counts as no failure', async () => {
    let gone = false;
    const upstream = await upstreamOf((_, res) =>
      res.once('close', () => {
        gone = true;
      }),
    );
    const gateway = await gatewayBefore(upstream);
    const abort = new AbortController();
    const asked = fetch(`${gateway.url}/api/saju/records/1`, { signal: abort.signal }).catch(() => 'aborted');
    await until('the upstream to be asked', () => upstream.sockets.size > 0);
    abort.abort();
    expect(await asked).toBe('aborted');
    await until('the upstream to hear of it', () => gone);
    await until('it to be counted', async () => (await metricsOf(gateway)).includes('status="499"} 1'));
  });

  test('in the middle of its body ends it upstream too', async () => {
    let broken = false;
    const upstream = await upstreamOf((req) => {
      req.on('error', () => {
        broken = true;
      });
      req.resume();
    });
    const gateway = await gatewayBefore(upstream);
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write('POST /api/paperwork/files HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc');
    await until('the upstream to be asked', () => upstream.sockets.size > 0);
    socket.destroy();
    await until('the upstream to hear of it', () => broken);
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  });
});

describe('an upstream', () => {
  test('that is not there is 502, after one more try', async () => {
    const { url, server } = await rawUpstream(() => undefined);
    server.close();
    const answer = await fetch(`${(await gatewayBefore({ url })).url}/api/saju/records/1`);
    expect(answer.status).toBe(502);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('x-cube-target')).toBe('legacy');
  });

  test('that hangs at the connection is 502, within the limit for that', async () => {
    const { url, stop } = await neverAccepting();
    stops.push(stop);
    const gateway = await gatewayBefore({ url }, { connectMillis: 300 });
    const begun = performance.now();
    expect((await fetch(`${gateway.url}/api/saju/records/1`)).status).toBe(502);
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  test('that never reads a file is 504, which is its own fault and not that of who sends it', async () => {
    const upstream = await upstreamOf((req) => void req.pause());
    const gateway = await gatewayBefore(upstream, { idleMillis: 500, responseMillis: 500 });
    const client = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    client.write('POST /api/paperwork/files HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n');
    client.write(Buffer.alloc(64 * 1024 * 1024));
    await until('it to be counted', async () => (await metricsOf(gateway)).includes('target="legacy",status="504"} 1'));
    expect(await metricsOf(gateway)).toContain('gateway_upstream_outstanding{cube="paperwork",target="legacy"} 0');
    client.destroy();
  });

  test('that hangs before its headers is 504, and is let go', async () => {
    const upstream = await upstreamOf(() => undefined);
    const gateway = await gatewayBefore(upstream, { responseMillis: 300 });
    expect((await fetch(`${gateway.url}/api/saju/records/1`)).status).toBe(504);
    await until('the upstream to be let go', () => upstream.sockets.size === 0);
  });

  test('that hangs after its headers, before any of a small body, is 504', async () => {
    const upstream = await upstreamOf((_, res) => void res.writeHead(200, { 'content-length': 10 }).flushHeaders());
    const gateway = await gatewayBefore(upstream, { idleMillis: 300 });
    expect((await fetch(`${gateway.url}/api/saju/records/1`)).status).toBe(504);
  });

  test('that hangs in its body breaks the answer, which counts as failed', async () => {
    const upstream = await upstreamOf((_, res) => void res.writeHead(200, { 'content-length': 10 }).write('abc'));
    const gateway = await gatewayBefore(upstream, { idleMillis: 300 });
    await expect(fetch(`${gateway.url}/api/saju/records/1`).then((answer) => answer.text())).rejects.toThrow();
    await until('it to be counted', async () => (await metricsOf(gateway)).includes('target="legacy",status="504"} 1'));
  });

  test.each([
    ['with a known length', 'Content-Length: 10\r\n\r\nabc'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('that dies mid-body %s breaks the response, so that it is not taken for complete', async (_name, rest) => {
    const { url } = await rawUpstream((socket) => socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${rest}`)));
    const gateway = await gatewayBefore({ url });
    await expect(fetch(`${gateway.url}/api/saju/records/1`).then((answer) => answer.text())).rejects.toThrow();
    await until('it to be counted', async () => (await metricsOf(gateway)).includes('target="legacy",status="502"} 1'));
  });

  test.each([
    ['nonsense', 'hello\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 999999 OK\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['a header with a NUL', 'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n'],
    ['nothing', ''],
    ['headers without end', `HTTP/1.1 200 OK\r\n${'X-A: a\r\n'.repeat(20_000)}`],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ])('that answers %s is 502', async (_name, text) => {
    const { url } = await rawUpstream((socket) => socket.once('data', () => socket.end(text)));
    const answer = await fetch(`${(await gatewayBefore({ url })).url}/api/saju/records/1`);
    expect(answer.status).toBe(502);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test('that sends more than its length does not spoil the next answer', async () => {
    const { url } = await rawUpstream((socket) =>
      socket.on('data', () =>
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged'),
      ),
    );
    const gateway = await gatewayBefore({ url });
    for (let asked = 0; asked < 3; asked++)
      expect(await (await fetch(`${gateway.url}/api/saju/records/1`)).text()).toBe('a');
  });
});

describe('a WebSocket', () => {
  test('is opened at the upstream, carries both ways and closes on both', async () => {
    const ends: Socket[] = [];
    const upstream = await upstreamOf((_, res) => void res.end());
    upstream.server.on('upgrade', (req, socket) => {
      ends.push(socket as Socket);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Path: ${req.url}\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst`,
      );
      socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`));
      socket.on('end', () => socket.end());
    });
    const gateway = await gatewayBefore(upstream);
    const socket = connect(gateway.port, '127.0.0.1');
    let all = '';
    socket.on('data', (chunk: Buffer) => {
      all += chunk.toString();
    });
    socket.write(webSocketHello);
    await until('the upgrade', () => all.includes('first'));
    expect(all).toMatch(/^HTTP\/1\.1 101/);
    expect(all).toContain('X-Path: /socket');
    expect(all).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    expect(all).toContain('X-Cube-Target: legacy');
    socket.write('hello');
    await until('the echo', () => all.includes('echo hello'));
    socket.destroy();
    await until('the upstream end to close', () => ends[0]?.destroyed);
  });

  test('that the upstream declines is declined', async () => {
    const upstream = await upstreamOf((_, res) => sendJson(res, { no: true }, 403));
    const answer = await sendRaw((await gatewayBefore(upstream)).port, webSocketHello, () => false);
    expect(statusOf(answer)).toBe(403);
    expect(answer).toContain('{"no":true}');
  });

  test('with an invalid token or an ambiguous path is refused before a service is called', async () => {
    const upstream = await upstreamOf((_, res) => void res.end());
    const gateway = await gatewayBefore(upstream);
    expect(
      statusOf(await sendRaw(gateway.port, webSocketHello.replace('Host: a', 'Host: a\r\nAuthorization: Bearer x'))),
    ).toBe(401);
    expect(statusOf(await sendRaw(gateway.port, webSocketHello.replace('/socket', '/../socket')))).toBe(400);
    expect(upstream.sockets.size).toBe(0);
  });

  test('whose upstream is not there is 502', async () => {
    const { url, server } = await rawUpstream(() => undefined);
    server.close();
    expect(statusOf(await sendRaw((await gatewayBefore({ url })).port, webSocketHello))).toBe(502);
  });
});

describe('at its end', () => {
  test('the gateway completes the requests in flight', async () => {
    let finish: (() => void) | undefined;
    const upstream = await upstreamOf((_, res) => {
      finish = () => sendJson(res, { late: true });
    });
    const gateway = await startGateway({ legacy: { saju: upstream.url }, limits: { drainMillis: 10_000 } });
    const asked = fetch(`${gateway.url}/api/saju/records/1`);
    await until('the upstream to be asked', () => finish);
    const closed = gateway.stop();
    await expect(fetch(`${gateway.url}/health`)).rejects.toThrow();
    finish?.();
    expect(await (await asked).json()).toEqual({ late: true });
    await closed;
  });

  test('the gateway aborts what does not complete in time', async () => {
    const upstream = await upstreamOf(() => undefined);
    const gateway = await startGateway({ legacy: { saju: upstream.url }, limits: { drainMillis: 200 } });
    const asked = fetch(`${gateway.url}/api/saju/records/1`).catch(() => 'broken');
    await until('the upstream to be asked', () => upstream.sockets.size > 0);
    await gateway.stop();
    expect(await asked).toBe('broken');
  });
});

describe('a stream of events', () => {
  test('ends with its token: at its expiry, and with the removal of its secret', async () => {
    const upstream = await upstreamOf((_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 1\n\n');
    });
    const gateway = await gatewayBefore(upstream);
    const follow = async (...headers: readonly [string, string][]) => {
      const answer = await fetch(`${gateway.url}/api/saju/events`, { headers: Object.fromEntries(headers) });
      let over = false;
      const text = answer.text().finally(() => {
        over = true;
      });
      // The last one ends with the gateway.
      text.catch(() => undefined);
      return { text, isOver: () => over };
    };
    const by = (kind: 'user' | 'cube', seconds: number) =>
      follow(['authorization', `Bearer ${tokenOf(kind, seconds)}`]);
    const expires = Math.floor(Date.now() / 1000) + 2;
    const short = await Promise.all([by('user', 2), by('cube', 2)]);
    const [user, cube, none] = await Promise.all([by('user', 600), by('cube', 600), follow(['x-user-id', 'alice'])]);
    for (const { text } of short) expect(await text).toBe('data: 1\n\n');
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(expires);
    const changed = 'another secret, of thirty-two bytes at least';
    gateway.userTokens.useSecrets({ current: changed, previous: userSecret });
    expect([user.isOver(), cube.isOver(), none.isOver()]).toEqual([false, false, false]);
    gateway.userTokens.useSecrets({ current: changed });
    expect(await user.text).toBe('data: 1\n\n');
    gateway.cubeTokens.useSecrets({ current: changed });
    expect(await cube.text).toBe('data: 1\n\n');
    expect(none.isOver()).toBe(false);
    await until('the service to be let go', () => upstream.sockets.size === 1);
    expect(await metricsOf(gateway)).not.toMatch(/gateway_upstream_requests_total\{.*status="(499|5\d\d)"/);
  });
});

describe('interim answers of a service', () => {
  const link = 'Link: </style.css>; rel=preload';
  const head = (status: number, ...headers: readonly string[]) =>
    [`HTTP/1.1 ${status} Interim`, ...headers, '', ''].join('\r\n');
  const body = 'HTTP/1.1 100 Continue\r\n\r\nis what this is about';
  const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`;
  const lists: readonly (readonly number[])[] = [
    [100],
    [102],
    [103],
    [100, 103, 103],
    [103, 100, 103],
    [103, 103, 103],
    [102, 102, 102, 102],
    [199, 110],
  ];
  const texts = lists.map((statuses): [string, string] => [
    statuses.join(', '),
    statuses.map((status) => head(status, ...(status === 100 ? [] : [link, 'X-User-Id: mallory']))).join(''),
  ]);
  texts.push(['100 without a reason', 'HTTP/1.1 100\r\n\r\n'], ['none', '']);

  test.each(texts)('are not its answer, whole or byte by byte: %s', async (_what, before) => {
    const upstream = await rawUpstream((socket) => {
      let asked = 0;
      let heard = '';
      socket.on('data', async (chunk: Buffer) => {
        heard += chunk.toString('latin1');
        if (!heard.includes('\r\n\r\n') || (heard.startsWith('POST') && !heard.endsWith('{}'))) return;
        heard = '';
        if (asked++ % 2 === 0) socket.write(before + answer);
        else for (const byte of before + answer) await new Promise((done) => socket.write(byte, done));
        // What the body says of itself is not looked at, also where a packet begins with it.
        setTimeout(() => socket.write(body), 5);
      });
    });
    const gateway = await gatewayBefore(upstream);
    for (let asked = 0; asked < 4; asked++) {
      const read = await fetch(`${gateway.url}/api/saju/records/1`);
      expect([read.status, read.headers.get('link'), await read.text()]).toEqual([200, null, body]);
      const sent = await fetch(`${gateway.url}/api/saju/calculate`, { method: 'POST', body: '{}' });
      expect([sent.status, await sent.text()]).toEqual([200, body]);
    }
    expect(await metricsOf(gateway)).toContain(
      'gateway_upstream_failed_attempts_total{cube="saju",target="legacy",kind="local"} 0',
    );
  });

  test('come before a WebSocket is opened too, and one that breaks off is no answer', async () => {
    const upstream = await rawUpstream((socket) => {
      socket.once('data', () =>
        socket.write(
          `${head(100)}${head(103, link)}HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhere is legacy`,
        ),
      );
    });
    const opened = await sendRaw((await gatewayBefore(upstream)).port, webSocketHello, (said) =>
      said.includes('here is'),
    );
    expect(opened).toMatch(/^HTTP\/1\.1 101/);
    const breaking = await rawUpstream((socket) => socket.once('data', () => socket.end('HTTP/1.1 10')));
    const broken = await fetch(`${(await gatewayBefore(breaking)).url}/api/saju/records/1`);
    expect(broken.status).toBe(502);
  });
});
