import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { closeFence, readFence } from '../../src/redis/fencing.js';
import { advanceFence } from '../../src/redis/scripts/advance-fence.js';
import { countSharedRequests } from '../../src/redis/scripts/count-requests.js';
import { liftHold } from '../../src/redis/scripts/lift-hold.js';
import { takeSharedToken } from '../../src/redis/scripts/take-token.js';
import { placeHold, readCurrentHold } from '../../src/traffic/holds.js';
import { until } from '../support/conditions.js';
import { OwnRedis } from '../support/own-redis.js';

/** The scripts on a real Redis that others do not test with what they are part of. */
let server: OwnRedis;
let redis: RedisConnection;

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined });
  await until('a connection', () => redis.status === 'ready');
});
beforeEach(async () => {
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const holderId = 'rollback/saju-cube/1';
const step = (sequence: number) => ({ holderId, sequence });

describe('a fence', () => {
  test('accepts the same step again, refuses one before it, and is kept for thirty days', async () => {
    expect(await advanceFence(redis, step(2))).toBe(true);
    expect(await advanceFence(redis, step(2))).toBe(true);
    expect(await advanceFence(redis, step(1))).toBe(false);
    expect(await readFence(redis, holderId)).toBe(2);
    expect(await redis.ttl(`cubeshift:turn:${holderId}`)).toBeGreaterThan(29 * 24 * 3600);
  });

  test('that is closed refuses every step of its run, and none of another run', async () => {
    await closeFence(redis, holderId);
    expect(await advanceFence(redis, step(9_999_999))).toBe(false);
    expect(await advanceFence(redis, { holderId: 'rollback/saju-cube/2', sequence: 1 })).toBe(true);
  });
});

describe('a hold with a fence', () => {
  const request = { scope: 'writes', seconds: 30, by: 'rollback/saju-cube' } as const;

  test('is placed again by its own step, and by none before it', async () => {
    const hold = await placeHold(redis, 'saju', request, step(3));
    expect(await placeHold(redis, 'saju', request, step(3))).toMatchObject({ id: hold?.id });
    expect(await placeHold(redis, 'saju', { ...request, seconds: 60 }, step(2))).toBeNull();
    expect(await readCurrentHold(redis, 'saju')).toMatchObject({ id: hold?.id, scope: 'writes', by: request.by });
  });

  test('is lifted by a later step of its owner, after which an earlier one places none', async () => {
    await placeHold(redis, 'saju', request, step(3));
    await liftHold(redis, 'saju', request.by, step(2));
    await liftHold(redis, 'saju', 'another', step(4));
    expect(await readCurrentHold(redis, 'saju')).toMatchObject({ by: request.by });
    await liftHold(redis, 'saju', request.by, step(5));
    expect(await readCurrentHold(redis, 'saju')).toBeNull();
    expect(await placeHold(redis, 'saju', request, step(4))).toBeNull();
    expect(await readFence(redis, holderId)).toBe(5);
  });
});

describe('a token bucket that processes share', () => {
  const rate = { perSecond: 0.1, burst: 3 };

  test('gives its burst, then the milliseconds until the next token', async () => {
    for (let taken = 0; taken < 3; taken++) expect(await takeSharedToken(redis, 'burst', rate)).toBe(0);
    const wait = await takeSharedToken(redis, 'burst', rate);
    expect(wait).toBeGreaterThan(9000);
    expect(wait).toBeLessThanOrEqual(10_000);
  });

  test('counts what was admitted over the limit: the wait grows with it', async () => {
    expect(await countSharedRequests(redis, 'count', rate, 2)).toBe(0);
    expect(await countSharedRequests(redis, 'count', rate, 3)).toBeGreaterThan(29_000 - 1000);
    expect(await takeSharedToken(redis, 'count', rate)).toBeGreaterThan(28_000);
    expect(await redis.pttl('cubeshift:rate:count')).toBeGreaterThan(49_000);
  });
});
