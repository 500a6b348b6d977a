import { createHash } from 'node:crypto';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendJson, startGateway, type TestGateway, TestUpstream } from '../support/gateway.js';

/** Who is served by which side, request by request, and what a hundred thousand requests leave behind. */
const users = Array.from({ length: 1000 }, (_, number) => `user-${number}`);
const requestsPerUser = 50;
const connections = 32;
let legacy: TestUpstream;
let cube: TestUpstream;
let gateway: TestGateway;
let clients: Pool;

beforeAll(async () => {
  legacy = await TestUpstream.listen('legacy', (_, res) => sendJson(res, {}));
  cube = await TestUpstream.listen('cube', (_, res) => sendJson(res, {}));
  gateway = await startGateway({ legacy: { saju: legacy.url }, cubes: [['saju-cube', [cube.endpoint]]] });
  clients = new Pool(gateway.url, { connections, pipelining: 1 });
});
afterAll(async () => {
  await clients.destroy();
  await gateway.stop();
  await Promise.all([legacy.stop(), cube.stop()]);
});

/** The contract's bucket, worked out here by other means than the gateway's. */
const bucketOf = (user: string) => Number.parseInt(createHash('md5').update(user).digest('hex').slice(0, 8), 16) % 100;

async function targetOf(user: string): Promise<string> {
  const { headers, body, statusCode } = await clients.request({
    method: 'GET',
    path: '/api/saju/records/1',
    headers: { 'x-user-id': user },
  });
  await body.dump();
  return statusCode === 200 ? String(headers['x-cube-target']) : String(statusCode);
}

/** Every user fifty times, in turns; who was on the cube each time, and who was on anything but one side. */
async function everybody(): Promise<{ onCube: ReadonlySet<string>; wandering: readonly string[] }> {
  const met = new Map(users.map((user) => [user, new Set<string>()] as const));
  let next = 0;
  const last = users.length * requestsPerUser;
  const asking = async () => {
    while (next < last) {
      const user = users[next++ % users.length] ?? '';
      met.get(user)?.add(await targetOf(user));
    }
  };
  await Promise.all(Array.from({ length: connections }, asking));
  return {
    onCube: new Set(users.filter((user) => met.get(user)?.has('cube'))),
    wandering: users.filter((user) => met.get(user)?.size !== 1),
  };
}

const clientSockets = () =>
  new Promise((resolve) => gateway.gateway.server.getConnections((_, count) => resolve(count)));
const socketsOfProcess = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

test('a thousand users, fifty requests each: the share stays what it is at each step, and no connection is left over', async () => {
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
    // After 50,000 and after 100,000 requests: as many or fewer.
    if (sockets > 0) expect(socketsOfProcess()).toBeLessThanOrEqual(sockets + connections);
    sockets = socketsOfProcess();
  }
  // Within two standard deviations of what chance gives a thousand users.
  steps.forEach((percentage, place) => {
    const deviation = Math.sqrt((percentage * (100 - percentage)) / users.length);
    expect(Math.abs((shares[place] ?? Infinity) - percentage)).toBeLessThan(2 * deviation);
  });
});
