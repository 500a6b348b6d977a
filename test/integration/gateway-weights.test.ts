import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.js';

/** Who is served by which side, request by request, and what ten thousand requests leave behind. */
const users = Array.from({ length: 1000 }, (_, number) => `user-${number}`);
const requestsPerUser = 5;
const connections = 32;
let legacy: Side;
let cube: Side;
let gateway: TestGateway;
const clients: Socket[] = [];

beforeAll(async () => {
  [legacy, cube] = await Promise.all([startSide(), startSide()]);
  gateway = await startGateway({
    legacy: { saju: legacy.url },
    cubes: [['saju-cube', [{ id: 'one', url: cube.url }]]],
  });
  for (let place = 0; place < connections; place++) {
    const client = connect(gateway.port, '127.0.0.1').setEncoding('latin1');
    await once(client, 'connect');
    clients.push(client);
  }
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  await gateway.stop();
  for (const side of [legacy, cube]) side.server.close();
});

interface Side {
  readonly server: Server;
  readonly url: string;
  readonly sockets: Set<Socket>;
}

/** A service that answers everything alike: below HTTP, since what is looked at is the gateway. */
async function startSide(): Promise<Side> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (text: string) => {
      const requests = text.split('\r\n\r\n').length - 1;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'.repeat(requests));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, sockets, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** The contract's bucket, worked out here by other means than the gateway's. */
const bucketOf = (user: string) => Number.parseInt(createHash('md5').update(user).digest('hex').slice(0, 8), 16) % 100;

function targetOf(client: Socket, user: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const onData = (text: string) => {
      answer += text;
      if (!answer.endsWith('{}')) return;
      client.off('data', onData);
      resolve(/^HTTP\/1.1 200 .*X-Cube-Target: (\w+)/s.exec(answer)?.[1] ?? answer);
    };
    client.on('data', onData);
    client.write(`GET /api/saju/records/1 HTTP/1.1\r\nHost: a\r\nX-User-Id: ${user}\r\n\r\n`);
  });
}

/** Every user five times, in turns; who was on the cube each time, and who was on anything but one side. */
async function everybody(): Promise<{ onCube: ReadonlySet<string>; wandering: readonly string[] }> {
  const met = new Map(users.map((user) => [user, new Set<string>()] as const));
  let next = 0;
  const last = users.length * requestsPerUser;
  const asking = async (client: Socket) => {
    while (next < last) {
      const user = users[next++ % users.length] ?? '';
      met.get(user)?.add(await targetOf(client, user));
    }
  };
  await Promise.all(clients.map(asking));
  return {
    onCube: new Set(users.filter((user) => met.get(user)?.has('cube'))),
    wandering: users.filter((user) => met.get(user)?.size !== 1),
  };
}

const clientSockets = () =>
  new Promise((resolve) => gateway.gateway.server.getConnections((_, count) => resolve(count)));
const socketsOfProcess = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

test('a thousand users, five requests each: the share stays what it is at each step, and no connection is left over', async () => {
  const steps = [5, 25] as const;
  const shares: number[] = [];
  let before: ReadonlySet<string> = new Set();
  let sockets = 0;
  for (const percentage of steps) {
    gateway.controls.weight(percentage);
    const { onCube, wandering } = await everybody();
    expect(wandering).toEqual([]);
    expect(onCube).toEqual(new Set(users.filter((user) => bucketOf(user) < percentage)));
    // Who is in stays in.
    expect([...before].filter((user) => !onCube.has(user))).toEqual([]);
    shares.push((100 * onCube.size) / users.length);
    before = onCube;
    expect(await clientSockets()).toBe(connections);
    for (const side of [legacy, cube]) expect(side.sockets.size).toBeLessThanOrEqual(connections);
    // After 5,000 and after 10,000 requests: as many or fewer.
    if (sockets > 0) expect(socketsOfProcess()).toBeLessThanOrEqual(sockets + connections);
    sockets = socketsOfProcess();
  }
  // Within two standard deviations of what chance gives a thousand users.
  steps.forEach((percentage, place) => {
    const deviation = Math.sqrt((percentage * (100 - percentage)) / users.length);
    expect(Math.abs((shares[place] ?? Infinity) - percentage)).toBeLessThan(2 * deviation);
  });
});
