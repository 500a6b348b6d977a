import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureTemporalKeys } from '../../../../src/stack/temporal/certificates.js';
import { createRpcFront } from '../../../../src/stack/temporal/rpc-front.js';
import { type TemporalKeys, temporalKeys } from '../../../../src/state/temporal-keys.js';
import { until } from '../../../support/conditions.js';

const root = mkdtempSync(join(tmpdir(), 'cubeshift-front-'));
let keys: TemporalKeys;
let others: TemporalKeys;
let inner: Server;
let front: Server;
const arrived: Socket[] = [];

beforeAll(async () => {
  await ensureTemporalKeys(join(root, 'keys'));
  await ensureTemporalKeys(join(root, 'others'));
  keys = temporalKeys(join(root, 'keys'));
  others = temporalKeys(join(root, 'others'));
  inner = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    arrived.push(socket);
  }).listen(0, '127.0.0.1');
  await once(inner, 'listening');
  front = createRpcFront(keys, (inner.address() as AddressInfo).port).listen(0, '127.0.0.1');
  await once(front, 'listening');
});
afterAll(() => {
  for (const socket of arrived) socket.destroy();
  front.close();
  inner.close();
  rmSync(root, { recursive: true, force: true });
});

/** An option of the socket underneath, which the types of TLS leave out. */
const halfOpen: object = { allowHalfOpen: true };
const read = (file: string) => readFileSync(file);
const asClient = (): ConnectionOptions => ({
  ca: read(keys.authority),
  cert: read(keys.clientCertificate),
  key: read(keys.clientKey),
});

/** Comes through to the server, or throws: a client is told after the handshake that it is refused (TLS 1.3). */
async function enter(options: ConnectionOptions): Promise<{ near: TLSSocket; far: Socket }> {
  const before = arrived.length;
  const { port } = front.address() as AddressInfo;
  const near = connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...options, ...halfOpen });
  let refused = false;
  near.on('error', () => undefined);
  // One that does not read hears of no refusal.
  near.once('secureConnect', () => near.resume());
  for (const over of ['end', 'close'])
    near.on(over, () => {
      refused = true;
    });
  const far = await until('an answer', () => arrived[before] ?? (refused && 'refused'));
  if (far === 'refused') throw new Error('refused');
  near.pause();
  return { near, far };
}

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.resume();
  await once(socket, 'end');
  return text;
}

describe('access', () => {
  test('the holder of the client’s certificate, over TLS 1.2 and 1.3, speaking HTTP/2', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { near, far } = await enter({ ...asClient(), maxVersion });
      expect([near.getProtocol(), near.alpnProtocol]).toEqual([maxVersion, 'h2']);
      far.end('hello');
      expect(await textOf(near)).toBe('hello');
      near.destroy();
    }
  });

  test.each<[string, () => ConnectionOptions]>([
    ['without a certificate', () => ({ ca: read(keys.authority) })],
    [
      'with the certificate of another authority',
      () => ({ ...asClient(), cert: read(others.clientCertificate), key: read(others.clientKey) }),
    ],
    [
      'with the certificate of the server',
      () => ({ ...asClient(), cert: read(keys.serverCertificate), key: read(keys.serverKey) }),
    ],
    ['over TLS 1.1', () => ({ ...asClient(), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' })],
    ['who trusts another authority', () => ({ ...asClient(), ca: read(others.authority) })],
    ['who speaks another protocol', () => ({ ...asClient(), ALPNProtocols: ['http/1.1'] })],
    ['who asks for another host', () => ({ ...asClient(), servername: 'evil.example' })],
  ])('no client %s', async (_, options) => {
    const before = arrived.length;
    await expect(enter(options())).rejects.toThrow('refused');
    expect(arrived.slice(before)).toEqual([]);
  });
});

test('the number of connections is limited, whichever client opens them', () => {
  expect(front.maxConnections).toBe(512);
});

describe('what is passed on', () => {
  test('an end, and what the other side says after it', async () => {
    const { near, far } = await enter(asClient());
    near.end('the question');
    expect(await textOf(far)).toBe('the question');
    far.end('the answer');
    expect(await textOf(near)).toBe('the answer');
  });

  test('a side that is broken off breaks off the other', async () => {
    for (const breakOff of ['near', 'far'] as const) {
      const sides = await enter(asClient());
      const other = breakOff === 'near' ? sides.far : sides.near;
      other.resume();
      sides[breakOff].destroy();
      await until('the other to see it', () => other.readableEnded || other.destroyed);
    }
    await until('all to be closed', () => arrived.every((socket) => socket.closed || socket.readableEnded));
  });

  test('no more than the other side takes, and all of it', async () => {
    const { near, far } = await enter(asClient());
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let sent = 0;
    let held = false;
    // Who does not read holds up the sender, after what the system keeps on the way.
    while (!held && sent < 256 * 2 ** 20) {
      sent += chunk.length;
      if (!near.write(chunk)) held = await Promise.race([once(near, 'drain').then(() => false), sleep(500, true)]);
    }
    expect(held).toBe(true);
    near.end();
    expect((await textOf(far)).length).toBe(sent);
    near.destroy();
  });
});
