import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../support/conditions.js';
import { metricsOf, sendJson, startGateway, type TestGateway, TestUpstream } from '../support/gateway.js';
import { stoppedAfterEachTest } from '../support/running.js';

/** Uploads and contents of files, as clients and services meet them at the gateway. */
const running = stoppedAfterEachTest();
const mebibyte = 1024 * 1024;

type Options = Parameters<typeof startGateway>[0];
const gatewayWith = (options: Options) => running(startGateway(options));

/** A body that is sent in chunks, so that the gateway does not keep it. */
const inChunks = (content: Buffer): RequestInit =>
  ({ method: 'POST', body: Readable.from(piecesOf(content)), duplex: 'half' }) as unknown as RequestInit;

function* piecesOf(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}

const upload = (gateway: TestGateway, init: RequestInit) =>
  fetch(`${gateway.url}/api/paperwork/files`, { ...init, headers: { 'x-user-id': 'alice', ...init.headers } });

describe('an upload', () => {
  test.each([
    ['in one piece', (content: Buffer): RequestInit => ({ method: 'POST', body: new Blob([new Uint8Array(content)]) })],
    ['in chunks', inChunks],
  ])('has the limit of its own route, %s', async (_, body) => {
    const legacy = await running(TestUpstream.start('legacy'));
    const gateway = await gatewayWith({ legacy: { paperwork: legacy.url }, limits: { uploadBytes: 3 * mebibyte } });
    expect((await upload(gateway, body(Buffer.alloc(3 * mebibyte)))).status).toBe(200);
    const refused = await upload(gateway, body(Buffer.alloc(3 * mebibyte + 1)));
    expect(refused.status).toBe(413);
    expect(await refused.json()).toMatchObject({ detail: 'The body is larger than 3 MiB.' });
    const other = { ...body(Buffer.alloc(mebibyte + 1)) };
    expect((await fetch(`${gateway.url}/api/paperwork/files/1/process`, other)).status).toBe(413);
  });

  test('that waits to be asked for its body is asked, unless it is too large', async () => {
    const legacy = await running(TestUpstream.start('legacy'));
    const gateway = await gatewayWith({ legacy: { paperwork: legacy.url }, limits: { uploadBytes: 1000 } });
    const start = (path: string, bytes: number) => {
      const socket = connect(gateway.port, '127.0.0.1');
      let heard = '';
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
      });
      socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${bytes}\r\n\r\n`);
      return { socket, heard: () => heard };
    };
    const asked = start('/api/paperwork/files', 5);
    await until('the request to continue', () => asked.heard() === 'HTTP/1.1 100 Continue\r\n\r\n');
    asked.socket.write('hello');
    await until('the answer', () => asked.heard().includes('HTTP/1.1 200 OK'));
    expect(legacy.seen).toMatchObject([{ body: 'hello', headers: { 'content-length': '5' } }]);
    expect(legacy.seen[0]?.headers.expect).toBeUndefined();
    const large = start('/api/paperwork/files', 1001);
    await until('the refusal', () => large.heard().startsWith('HTTP/1.1 413'));
    const other = start('/api/paperwork/files/1/process', 5);
    await until('the refusal', () => other.heard().startsWith('HTTP/1.1 417'));
    for (const { socket } of [asked, large, other]) socket.destroy();
  });

  test('whose instance is not there reaches legacy whole, once', async () => {
    const gone = await TestUpstream.start('gone');
    const { endpoint: dead } = gone;
    await gone.stop();
    let received = '';
    const legacy = await running(
      TestUpstream.start('legacy', (_, res, body) => {
        received = createHash('sha256').update(body, 'latin1').digest('hex');
        sendJson(res, {}, 201);
      }),
    );
    const gateway = await gatewayWith({
      legacy: { paperwork: legacy.url },
      cubes: [['paperwork-cube', [dead]]],
    });
    gateway.controls.weight(100);
    const content = randomBytes(5 * mebibyte);
    const answer = await upload(gateway, inChunks(content));
    expect([answer.status, answer.headers.get('x-cube-target')]).toEqual([201, 'legacy']);
    expect(received).toBe(createHash('sha256').update(content).digest('hex'));
    expect(legacy.seen).toHaveLength(1);
  });

  test.each([
    ['breaks off in the middle', 502, (at: 'middle' | 'end') => at === 'middle'],
    ['breaks off at its end', 502, (at: 'middle' | 'end') => at === 'end'],
    ['answers 503', 503, () => false],
  ])('that a cube %s is sent nowhere else, neither to be tried again nor to be compared', async (_, status, breaks) => {
    const legacy = await running(TestUpstream.start('legacy'));
    let uploads = 0;
    const cube = await running(
      TestUpstream.listen('cube', (req, res) => {
        uploads++;
        let bytes = 0;
        req.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > 2 * mebibyte && breaks('middle')) res.destroy();
        });
        req.on('end', () => (breaks('end') ? res.destroy() : sendJson(res, {}, 503)));
        req.on('error', () => undefined);
      }),
    );
    const gateway = await gatewayWith({
      legacy: { paperwork: legacy.url },
      cubes: [['paperwork-cube', [cube.endpoint]]],
      shadow: true,
    });
    gateway.controls.weight(100);
    for (const init of [inChunks(randomBytes(5 * mebibyte)), { method: 'POST', body: 'a small file' }]) {
      const answer = await upload(gateway, init);
      const isSmall = typeof init.body === 'string' && status === 502 && breaks('middle');
      expect([answer.status, answer.headers.get('x-cube-target')]).toEqual([isSmall ? 503 : status, 'cube']);
    }
    await sleep(300);
    expect([uploads, legacy.seen]).toEqual([2, []]);
  });

  test('of a byte a second holds up none of a hundred other clients, and ends with its client', async () => {
    let broken = 0;
    const cube = await running(
      TestUpstream.listen('cube', (req, res) => {
        req.on('error', () => broken++);
        req.on('end', () => sendJson(res, { served: req.method }));
        req.resume();
      }),
    );
    const gateway = await gatewayWith({
      cubes: [['paperwork-cube', [cube.endpoint]]],
      limits: { idleMillis: 2000, requestMillis: 2000, responseMillis: 2000 },
    });
    gateway.controls.weight(100);
    const slow = connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    slow.write('POST /api/paperwork/files HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n');
    const trickle = setInterval(() => slow.write('a'), 1000);
    const begun = performance.now();
    let slowest = 0;
    while (performance.now() - begun < 4500) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, client) => {
          const asked = performance.now();
          const answer =
            client % 2 === 0 ? await upload(gateway, { method: 'POST', body: 'a' }) : await content(gateway);
          await answer.arrayBuffer();
          slowest = Math.max(slowest, performance.now() - asked);
          return answer.status;
        }),
      );
      expect(new Set(answers)).toEqual(new Set([200]));
    }
    // Longer than a body without progress may take.
    expect([slow.destroyed, broken]).toEqual([false, 0]);
    expect(slowest).toBeLessThan(2000);
    clearInterval(trickle);
    slow.destroy();
    await until('the service to hear of it', () => broken === 1);
  });
});

const content = (gateway: TestGateway, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${gateway.url}/api/paperwork/files/7/content`, { method, headers: { 'x-user-id': 'alice', ...headers } });

describe('a content', () => {
  test('is asked for by range and condition as its client says, and answered as its service says', async () => {
    const legacy = await running(
      TestUpstream.start('legacy', (req, res) => {
        if (req.headers['if-none-match'] === '"1"') res.writeHead(304, { etag: '"1"' }).end();
        else if (req.headers.range === 'bytes=99-') res.writeHead(416, { 'content-range': 'bytes */9' }).end();
        else
          res
            .writeHead(206, {
              'content-length': 2,
              'content-range': 'bytes 3-4/9',
              etag: '"1"',
              'accept-ranges': 'bytes',
              'content-disposition': `attachment; filename="a.pdf"; filename*=UTF-8''%EA%B0%91.pdf`,
            })
            .end('de');
      }),
    );
    const gateway = await gatewayWith({ legacy: { paperwork: legacy.url } });
    const part = await content(gateway, { range: 'bytes=3-4', 'if-range': '"1"' });
    expect([part.status, await part.text()]).toEqual([206, 'de']);
    expect(Object.fromEntries(part.headers)).toMatchObject({
      'content-range': 'bytes 3-4/9',
      etag: '"1"',
      'accept-ranges': 'bytes',
      'content-disposition': `attachment; filename="a.pdf"; filename*=UTF-8''%EA%B0%91.pdf`,
    });
    expect(legacy.seen[0]?.headers).toMatchObject({ range: 'bytes=3-4', 'if-range': '"1"' });
    expect((await content(gateway, { 'if-none-match': '"1"' })).status).toBe(304);
    const beyond = await content(gateway, { range: 'bytes=99-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */9']);
  });

  test('that breaks off is not answered as a whole one, and not fetched again', async () => {
    let asked = 0;
    const legacy = await running(
      TestUpstream.start('legacy', (_, res) => {
        asked++;
        res.writeHead(200, { 'content-length': 10 * mebibyte });
        res.write(Buffer.alloc(mebibyte), () => res.destroy());
      }),
    );
    const gateway = await gatewayWith({ legacy: { paperwork: legacy.url } });
    await expect(content(gateway).then((answer) => answer.arrayBuffer())).rejects.toThrow();
    expect(asked).toBe(1);
  });
});

describe('the comparison of contents', () => {
  const route = 'cube="paperwork",route="/api/paperwork/files/:id/content"';
  const counted = async (gateway: TestGateway, name: string, more = '') =>
    Number((await metricsOf(gateway)).split(`${name}{${route}${more}} `)[1]?.split('\n')[0] ?? 0);

  /** Answers a content as a service of files does. */
  const serving =
    (bytes: Buffer, etag = '"1"'): Parameters<typeof TestUpstream.start>[1] =>
    (req, res) => {
      const last = Number(/^bytes=0-(\d+)$/.exec(req.headers.range ?? '')?.[1] ?? bytes.length - 1);
      const part = bytes.subarray(0, last + 1);
      const headers = { 'content-type': 'text/plain', 'content-length': part.length, etag };
      if (req.headers.range === undefined) res.writeHead(200, headers).end(part);
      else res.writeHead(206, { ...headers, 'content-range': `bytes 0-${part.length - 1}/${bytes.length}` }).end(part);
    };

  async function compare(ofLegacy: Parameters<typeof serving>, ofCube: Parameters<typeof serving>) {
    const legacy = await running(TestUpstream.start('legacy', serving(...ofLegacy)));
    const cube = await running(TestUpstream.start('cube', serving(...ofCube)));
    const gateway = await gatewayWith({
      legacy: { paperwork: legacy.url },
      cubes: [['paperwork-cube', [cube.endpoint]]],
      shadow: true,
    });
    const answer = await content(gateway);
    expect(Buffer.from(await answer.arrayBuffer()).equals(ofLegacy[0])).toBe(true);
    await until('the comparison', async () => (await counted(gateway, 'gateway_shadow_compared_total')) === 1);
    return { gateway, cube };
  }

  test('finds none between equal ones, and reads a mebibyte of a large one', async () => {
    const bytes = randomBytes(3 * mebibyte);
    const { gateway, cube } = await compare([bytes], [bytes]);
    expect(await metricsOf(gateway)).not.toMatch(/gateway_shadow_(mismatched|noise)_total\{/);
    expect(cube.seen.map(({ headers }) => headers.range)).toEqual(['bytes=0-1048575']);
  });

  test.each<[string, string, (bytes: Buffer) => Parameters<typeof serving>]>([
    [
      'a flipped bit',
      'body.sha256',
      (bytes) => [Buffer.concat([Buffer.from([bytes.readUInt8(0) ^ 1]), bytes.subarray(1)])],
    ],
    ['another length beyond the compared bytes', 'body.content-range', (bytes) => [bytes.subarray(0, -1)]],
    ['another tag', 'body.etag', (bytes) => [bytes, '"2"']],
  ])('finds %s', async (_, field, change) => {
    const bytes = randomBytes(2 * mebibyte);
    const { gateway } = await compare([bytes], change(bytes));
    await until(
      'the mismatch',
      async () => (await counted(gateway, 'gateway_shadow_mismatched_total', `,field="${field}"`)) === 1,
    );
  });

  test('leaves out what a client only asks the headers of', async () => {
    const { gateway, cube } = await compare([Buffer.from('a')], [Buffer.from('a')]);
    await content(gateway, {}, 'HEAD');
    await sleep(200);
    expect(cube.seen).toHaveLength(1);
  });
});

test('a client that leaves in the middle of its upload breaks it off at the service', async () => {
  const outcomes: string[] = [];
  const cube = await running(
    TestUpstream.listen('cube', (req, res) => {
      req.on('end', () => outcomes.push('complete')).on('error', () => outcomes.push('broken off'));
      req.on('end', () => sendJson(res, {}, 201));
      req.resume();
    }),
  );
  const gateway = await gatewayWith({ cubes: [['paperwork-cube', [cube.endpoint]]] });
  gateway.controls.weight(100);
  const client = request(`${gateway.url}/api/paperwork/files`, { method: 'POST' }).on('error', () => undefined);
  client.write(Buffer.alloc(4 * mebibyte));
  await once(cube.server, 'request');
  client.destroy();
  await until('the service to hear of it', () => outcomes.length > 0);
  expect(outcomes).toEqual(['broken off']);
});
