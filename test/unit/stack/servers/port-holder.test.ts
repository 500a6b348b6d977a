import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { programProcess } from '../../../../src/stack/programs/program-process.js';
import { programs, type StackProgram } from '../../../../src/stack/programs/programs.js';
import { Supervisor } from '../../../../src/stack/programs/supervisor.js';
import { prepareDatabase } from '../../../../src/stack/servers/embedded-database.js';
import { isOurs, isPastListeners, listenerUsers, refuseStranger } from '../../../../src/stack/servers/port-holder.js';
import { type PostgresServer, postgresProcess } from '../../../../src/stack/servers/postgres-server.js';
import { redisProcess } from '../../../../src/stack/servers/redis-server.js';
import { closedTemporal, openTemporal } from '../../../../src/stack/temporal/server.js';
import { StackHome } from '../../../../src/state/home.js';
import { canBeStranger, listeningStranger } from '../../../support/stranger.js';

const folder = mkdtempSync(join(tmpdir(), 'cubeshift-holder-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a port is ours while a server of this user listens, and not when none does', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(isOurs(port)).toBe(true);
  server.close();
  await once(server, 'close');
  expect(isOurs(port)).toBe(false);
});

test.each([
  ['0100007F:1538 00000000:0000 0A', [1001]],
  ['00000000:1538 00000000:0000 0A', [1001]],
  ['00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A', [1001]],
  ['0000000000000000FFFF00000100007F:1538 00000000000000000000000000000000:0000 0A', [1001]],
  ['0100A8C0:1538 00000000:0000 0A', []],
  ['0100007F:1539 00000000:0000 0A', []],
  ['0100007F:1538 0100007F:C350 01', []],
])('of %s port 5432 is held by %j', (row, owners) => {
  const table = `  sl  local_address rem_address   st …\n   0: ${row} 00000000:00000000 00:00000000 00000000  1001        0 145592 2 00000000 100 0`;
  expect(listenerUsers(table, 5432)).toEqual(owners);
});

test('of many servers with connections each is found', async () => {
  const servers = Array.from({ length: 200 }, () => createServer((socket) => socket.resume()).listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  const sockets = ports.map((port) => connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  expect(ports.filter((port) => !isOurs(port))).toEqual([]);
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  await Promise.all(servers.map((server) => once(server, 'close')));
  expect(ports.filter((port) => isOurs(port))).toEqual([]);
});

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n';
const rowOf = (state: string) =>
  `   0: 0100007F:1538 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1001\n`;
test.each([
  ['nothing', '', false],
  ['the head alone', head, false],
  ['servers', head + rowOf('0A') + rowOf('0A'), false],
  // Kernels before 4.4 list these with their server.
  ['servers, and connections that begin', head + rowOf('0A') + rowOf('03') + rowOf('0A'), false],
  ['servers, and a row that is cut off', head + rowOf('0A') + rowOf('01').slice(0, 40), false],
  ['servers, then connections', head + rowOf('0A') + rowOf('01'), true],
  ['connections that have ended', head + rowOf('06'), true],
])('the kernel’s table is read on after %s: %j', (_, part, isPast) => {
  expect(isPastListeners(part)).toBe(isPast);
});

test.each([
  ['01004D7F:1538 00000000:0000 0A', [1001]],
  ['00000000:1538 00000000:0000 0A', [1001]],
  ['0000000000000000FFFF000001004D7F:1538 00000000000000000000000000000000:0000 0A', [1001]],
  ['0100007F:1538 00000000:0000 0A', []],
])('of %s port 5432 of another loopback address is held by %j', (row, owners) => {
  const table = `  sl  local_address rem_address   st …\n   0: ${row} 00000000:00000000 00:00000000 00000000  1001        0 145592 2 00000000 100 0`;
  expect(listenerUsers(table, 5432, '127.77.0.1')).toEqual(owners);
});

describe.skipIf(!canBeStranger)("another user's program on a port that the stack chose", () => {
  const account = 65_533;
  const place = { folder, program: 'postgres', account };
  const server = (port: number): PostgresServer => ({ name: 'postgres-cube', port, place, password: 'secret' });
  const settings = () => new StackHome(folder).settings(new Set());
  const redis = (port: number) => redisProcess(new StackHome(folder), { program: 'redis', port, password: 'secret' });

  const gateway = (port: number) => {
    const program = programs.find(({ name }) => name === 'api-gateway-cube') as StackProgram;
    return programProcess(program, { GATEWAY_URL: `http://127.0.0.1:${port}` }, {});
  };
  const temporal = (ports: { temporal: number; temporalUi: number }) =>
    openTemporal(new StackHome(folder), 'temporal', ports)[0];
  const front = (ports: { temporal: number; temporalUi: number }) =>
    closedTemporal(new StackHome(folder), 'temporal', ports, 'root')[1];

  test.each([
    ['PostgreSQL that gets ready', (port: number) => postgresProcess(server(port)).ready(1)],
    ['a server that is to start', (port: number) => refuseStranger(port, account)],
    ['PostgreSQL that is prepared', async (port: number) => prepareDatabase(server(port), await settings(), 'cube')],
    ['Redis that gets ready', (port: number) => redis(port).ready(1)],
    ['a program that gets ready', (port: number) => gateway(port).ready(1)],
    ['a program that is to start', async (port: number) => gateway(port).check?.()],
    [
      'an open Temporal that gets ready',
      async (port: number) => temporal({ temporal: port, temporalUi: 1 })?.ready(process.pid),
    ],
    [
      'an open Temporal that is to start',
      async (port: number) => temporal({ temporal: 1, temporalUi: port })?.check?.(),
    ],
    ['a front that gets ready', async (port: number) => front({ temporal: port, temporalUi: 1 })?.ready(1)],
    ['a front that is to start', async (port: number) => front({ temporal: 1, temporalUi: port })?.check?.()],
  ])('is not taken for %s, and gets nothing', async (_, look) => {
    const stranger = await listeningStranger();
    await expect(look(stranger.port)).rejects.toThrow(
      `Port ${stranger.port} is held by another user's program (user id 65534).`,
    );
    expect(await stranger.told()).toBe('');
  });

  test.each([
    ['before a program is started', gateway],
    // As when the port is taken while the program loads.
    ['after it was started', (port: number) => ({ ...gateway(port), check: async () => undefined })],
  ])('stops the start of the stack at once when it took the port %s', async (_, specOf) => {
    const stranger = await listeningStranger();
    const home = new StackHome(mkdtempSync(join(folder, 'home-')));
    home.prepare();
    const supervisor = new Supervisor(home);
    const spec = { ...specOf(stranger.port), args: ['-e', 'setTimeout(() => undefined, 60_000)'] };
    const before = Date.now();
    await expect(supervisor.bringUp([spec])).rejects.toThrow(
      `Port ${stranger.port} is held by another user's program (user id 65534).`,
    );
    expect(Date.now() - before).toBeLessThan(10_000);
    await supervisor.stop();
    expect(await stranger.told()).toBe('');
  });
});
