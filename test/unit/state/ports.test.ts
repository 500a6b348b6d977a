import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { choosePort, isPortFree, lentPorts } from '../../../src/state/ports.js';

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

function takenPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    servers.push(server);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

test('a port is free when no program listens on it', async () => {
  const port = await takenPort();
  expect(await isPortFree(port)).toBe(false);
  await new Promise((resolve) => servers.pop()?.close(resolve));
  expect(await isPortFree(port)).toBe(true);
});

test('a port is taken at one loopback address, and free at another', async () => {
  const port = await takenPort();
  expect(await isPortFree(port, '127.77.0.1')).toBe(true);
  expect(await choosePort(port, new Set(), '127.77.0.1')).toBe(port);
});

test('the usual port is chosen when it is free', async () => {
  const port = await choosePort(0, new Set());
  expect(await choosePort(port, new Set())).toBe(port);
});

test('another one is chosen when a program listens on the usual one, or it is reserved', async () => {
  const busy = await takenPort();
  const free = await choosePort(0, new Set());
  for (const [usual, taken] of [
    [busy, new Set<number>()],
    [free, new Set([free])],
    [0, new Set<number>()],
  ] as const) {
    const chosen = await choosePort(usual, taken);
    expect(chosen).not.toBe(usual);
    expect(chosen).toBeGreaterThan(0);
    expect(await isPortFree(chosen)).toBe(true);
  }
});

test('no port is chosen that the system lends to connections: it could be gone before its server binds it', async () => {
  const [first = 0, last = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);
  expect(last).toBeGreaterThan(first);
  for (let time = 0; time < 200; time++) {
    const port = await choosePort(0, new Set());
    expect(port < first || port > last, `${port}`).toBe(true);
  }
});

test.each([
  ['32768\t60999\n', { first: 32_768, last: 60_999 }],
  // Where the system lends nearly all, there is no better choice than one of those.
  ['1024\t65535\n', { first: 0, last: 0 }],
  ['11000 65000\n', { first: 0, last: 0 }],
  ['11000 64000\n', { first: 11_000, last: 64_000 }],
])('what the system lends, by %j', (range, lent) => {
  expect(lentPorts(range)).toEqual(lent);
});
