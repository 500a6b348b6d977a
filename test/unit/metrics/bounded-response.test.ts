import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { fetchBoundedResponse } from '../../../src/metrics/bounded-response.js';
import { createCubeCalls } from '../../../src/runtime/cube-calls.js';
import { readLatencies, readSignals } from '../../../src/traffic/signals.js';

/** Instances that answer without an end, or lead elsewhere: whoever asks stays well. */
const sources = { prometheusUrl: '', token: () => 'a-token' };
const mebibyte = 1024 * 1024;
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Begins right and never ends; tells how much of it was taken. */
async function endless(begin: string): Promise<{ url: string; sent: () => number }> {
  let sent = 0;
  const url = await serve((_request, response) => {
    const more = () => {
      do sent += mebibyte;
      while (!response.destroyed && response.write(' '.repeat(mebibyte)));
    };
    response.on('drain', more).write(begin);
    more();
  });
  return { url, sent: () => sent };
}

const gateway = (url: string) => [{ instance_id: 'one', url }];

test('metrics without an end are missing, and are not read to their end', async () => {
  const { url, sent } = await endless('# TYPE gateway_window_users_total counter\n');
  const begun = performance.now();
  expect(await readSignals(sources, 'saju', gateway(url))).toEqual({
    snapshot: {},
    missing: 'Gateway one does not report its metrics.',
  });
  expect(performance.now() - begun).toBeLessThan(1900);
  expect(sent()).toBeLessThan(64 * mebibyte);
});

test('latencies without an end are none', async () => {
  const { url, sent } = await endless('{"cube":[1],"legacy":[');
  await expect(readLatencies(sources, 'saju', gateway(url))).rejects.toThrow(
    'Gateway one does not report its latencies.',
  );
  expect(sent()).toBeLessThan(64 * mebibyte);
});

test('a call of a cube whose answer has no end counts as unanswered', async () => {
  const { url, sent } = await endless('{"year_pillar":"');
  const calls = createCubeCalls(() => 'a-token');
  expect(await calls.call(url, { method: 'POST', path: '/calculate', body: { user_id: 'a' } })).toBeUndefined();
  expect(sent()).toBeLessThan(64 * mebibyte);
});

test('a call of a cube sends what it was given, and reads any status', async () => {
  const seen: unknown[] = [];
  const url = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { authorization, 'content-type': type, 'x-cube-synthetic': synthetic } = request.headers;
    seen.push([request.method, request.url, Buffer.concat(chunks).toString(), authorization, type, synthetic]);
    response.writeHead(422, { 'content-type': 'application/json' }).end('{"field":"사주"}');
  });
  const calls = createCubeCalls((permission) => `for-${permission}`);
  const asked = { method: 'POST', path: '/calculate', body: { a: '사' }, permission: 'saju:call' } as const;
  expect(await calls.call(url, asked)).toEqual({ status: 422, body: { field: '사주' } });
  expect(seen).toEqual([['POST', '/calculate', '{"a":"사"}', 'Bearer for-saju:call', 'application/json', '1']]);
});

test('no other server gets the request: a redirect is not followed', async () => {
  const paths: unknown[] = [];
  const url = await serve((request, response) => {
    paths.push(request.url);
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  expect((await readSignals(sources, 'saju', gateway(url))).missing).not.toBeNull();
  await expect(readLatencies(sources, 'saju', gateway(url))).rejects.toThrow('does not report');
  expect(paths).toEqual(['/metrics', '/_gateway/latencies?cube=saju']);
});

test('exactly as much as is allowed is read, and not a byte more', async () => {
  const url = await serve((_request, response) => void response.end('x'.repeat(1000)));
  const signal = AbortSignal.timeout(2000);
  expect((await fetchBoundedResponse(url, { signal, maxBytes: 1000 })).text).toHaveLength(1000);
  await expect(fetchBoundedResponse(url, { signal, maxBytes: 999 })).rejects.toThrow('too large');
});
