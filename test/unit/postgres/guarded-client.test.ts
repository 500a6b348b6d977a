import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { toFailure } from '../../../src/base/failures.js';
import { connectClient, createPool } from '../../../src/postgres/connect.js';

const password = 'not-for-everybody';
const tls = (file: string) => readFileSync(join(import.meta.dirname, '../../data/tls', file));
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

describe.each(['cleartext', 'md5'] as const)('a server that requests a password as %s', (way) => {
  test.each([
    ['a client', (url: string) => connectClient(url, { applicationName: 'test' }, 2000)],
    ['a pool', (url: string) => createPool(url, { applicationName: 'test', max: 1 }).connect()],
  ])('gets no password from %s, and the remedy is named', async (_, open) => {
    const { port, told } = await asking(way);
    const failure = toFailure(await open(`postgres://u:${password}@127.0.0.1:${port}/d`).catch((error) => error));
    expect(failure).toMatchObject({ type: 'permission_denied', hint: expect.stringContaining('scram-sha-256') });
    expect(failure.message).toContain(`127.0.0.1:${port} requested`);
    await told.ended;
    expect(told.messages).toEqual([]);
  });

  test('gets it over TLS', async () => {
    const { port, told } = await asking(way);
    const url = `postgres://u:${password}@127.0.0.1:${port}/d?sslmode=no-verify`;
    await connectClient(url, { applicationName: 'test' }, 2000).catch(() => undefined);
    expect(told.messages).toEqual([way === 'md5' ? md5Answer : password]);
  });
});

const salt = Buffer.from([1, 2, 3, 4]);
const md5 = (...parts: (string | Buffer)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('md5')).digest('hex');
const md5Answer = `md5${md5(md5(password, 'u'), salt)}`;

/** Listens as PostgreSQL does, asks for a password, and keeps what it is told. Rule: PostgreSQL's message formats. */
async function asking(way: 'cleartext' | 'md5') {
  const told = { messages: [] as string[], ended: Promise.resolve() };
  const request = way === 'md5' ? authentication(5, salt) : authentication(3);
  const ask = (socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      if (first.length === 8) {
        // An SSLRequest.
        socket.write('S');
        return ask(new TLSSocket(socket, { isServer: true, cert: tls('server.pem'), key: tls('server.key') }));
      }
      socket.on('data', (message: Buffer) => {
        told.messages.push(message.subarray(5, -1).toString());
        socket.destroy();
      });
      socket.write(request);
    });
  };
  const server = createServer((socket) => {
    told.ended = once(socket, 'close').then(() => undefined);
    ask(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, told };
}

function authentication(kind: number, rest = Buffer.alloc(0)): Buffer {
  const message = Buffer.alloc(9);
  message.write('R');
  message.writeInt32BE(8 + rest.length, 1);
  message.writeInt32BE(kind, 5);
  return Buffer.concat([message, rest]);
}
