import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { UserBytes } from '../../src/domain/traffic/routing.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { clearFailedUsers, failedUserTtlMillis, recordFailedUsers } from '../../src/traffic/failed-users.js';
import { until } from '../support/conditions.js';
import { metricsOf, startGateway, type TestGateway } from '../support/gateway.js';
import { OwnRedis } from '../support/own-redis.js';

/** Who failed is counted once, whichever gateway saw it: the promise of the error test is one about users. */
let server: OwnRedis;
let redis: RedisConnection;
let failing: Server;
const gateways: TestGateway[] = [];

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined });
  await until('a connection', () => redis.status === 'ready');
  failing = createServer((_request, response) => void response.writeHead(500).end('{}')).listen(0, '127.0.0.1');
  await until('it to listen', () => failing.listening);
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await redis.flushall().catch(() => undefined);
});
afterAll(async () => {
  redis.disconnect();
  failing.close();
  await server.stop();
});

const users = (count: number) => Array.from({ length: count }, (_, place) => `user-${place}` as UserBytes);
const note = (names: readonly UserBytes[], now: number) => recordFailedUsers(redis, 'saju', 'cube', names, now);

test('of users that are noted again only the new ones count, each side by itself, for an hour', async () => {
  expect(await note(users(2500), 1000)).toBe(2500);
  expect(await note(users(2600), 2000)).toBe(100);
  expect(await recordFailedUsers(redis, 'saju', 'legacy', users(3), 2000)).toBe(3);
  expect(await note(users(2600), 1000 + failedUserTtlMillis)).toBe(2500);
  await clearFailedUsers(redis, 'saju');
  expect(await note(users(3), 3000)).toBe(3);
  expect(await redis.pttl('cubeshift:traffic:saju:failed:cube')).toBeGreaterThan(failedUserTtlMillis - 60_000);
});

test('no name of a user is there', async () => {
  await note(users(20), Date.now());
  const kept = await redis.zrange('cubeshift:traffic:saju:failed:cube', '0', '-1');
  expect(kept).toHaveLength(20);
  expect(kept.join()).not.toContain('user');
});

async function twoGateways(): Promise<readonly TestGateway[]> {
  const address = failing.address();
  const port = typeof address === 'object' ? address?.port : 0;
  for (let one = 0; one < 2; one++) {
    const gateway = await startGateway({
      legacy: { saju: `http://127.0.0.1:${port}` },
      limits: { windowMillis: 200 },
      failures: {
        record: (label, side, names) => recordFailedUsers(redis, label, side, names, Date.now()),
        clear: (label) => clearFailedUsers(redis, label),
      },
    });
    gateways.push(gateway);
  }
  return gateways;
}

/** What all gateways tell together of legacy. */
async function told(series: string): Promise<number> {
  const texts = await Promise.all(gateways.map(metricsOf));
  const line = new RegExp(`^${series}\\{cube="saju",target="legacy"\\} (\\d+)$`, 'm');
  return texts.reduce((sum, text) => sum + Number(line.exec(text)?.[1] ?? 0), 0);
}

async function everybodyFails(count: number): Promise<void> {
  for (const { url } of gateways)
    await Promise.all(
      users(count).map((user) =>
        fetch(`${url}/api/saju/calculate`, { headers: { 'x-user-id': user } }).then((answer) => answer.text()),
      ),
    );
}

test('users who fail at two gateways, again and again, count once', async () => {
  await twoGateways();
  for (let time = 1; time <= 3; time++) {
    await everybodyFails(30);
    await until('all windows to be closed', async () => (await told('gateway_window_requests_total')) === 60 * time);
  }
  expect(await told('gateway_window_failed_requests_total')).toBe(180);
  expect(await told('gateway_window_failed_users_total')).toBe(30);
});

test('while Redis is away each gateway goes by what it saw itself', async () => {
  await twoGateways();
  await server.kill();
  await everybodyFails(10);
  await until('all windows to be closed', async () => (await told('gateway_window_requests_total')) === 20);
  expect(await told('gateway_window_failed_users_total')).toBe(20);
  await server.revive();
});
