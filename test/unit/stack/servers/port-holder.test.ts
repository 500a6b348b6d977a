import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { prepareDatabase } from '../../../../src/stack/servers/embedded-database.js';
import { isOurs, listenerUsers, refuseStranger } from '../../../../src/stack/servers/port-holder.js';
import { type PostgresServer, postgresProcess } from '../../../../src/stack/servers/postgres-server.js';
import { redisProcess } from '../../../../src/stack/servers/redis-server.js';
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

describe.skipIf(!canBeStranger)("another user's program on a port that the stack chose", () => {
  const account = 65_533;
  const place = { folder, program: 'postgres', account };
  const server = (port: number): PostgresServer => ({ name: 'postgres-cube', port, place, password: 'secret' });
  const settings = () => new StackHome(folder).settings(new Set());
  const redis = (port: number) => redisProcess(new StackHome(folder), { program: 'redis', port, password: 'secret' });

  test.each([
    ['PostgreSQL that gets ready', (port: number) => postgresProcess(server(port)).ready(1)],
    ['a server that is to start', (port: number) => refuseStranger(port, account)],
    ['PostgreSQL that is prepared', async (port: number) => prepareDatabase(server(port), await settings(), 'cube')],
    ['Redis that gets ready', (port: number) => redis(port).ready(1)],
  ])('is not taken for %s, and gets nothing', async (_, look) => {
    const stranger = await listeningStranger();
    await expect(look(stranger.port)).rejects.toThrow(
      `Port ${stranger.port} is held by another user's program (user id 65534).`,
    );
    expect(await stranger.told()).toBe('');
  });
});
