import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type TrafficName, trafficNames } from '../../src/domain/cubes.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { liftHold } from '../../src/redis/scripts/lift-hold.js';
import { createHoldWatch, type HoldWatch } from '../../src/traffic/hold-watch.js';
import {
  type Hold,
  type HoldRequest,
  placeHold,
  readAcknowledgements,
  readCurrentHold,
} from '../../src/traffic/holds.js';
import { until } from '../support/conditions.js';
import { OwnRedis } from '../support/own-redis.js';

const watches: HoldWatch[] = [];
let server: OwnRedis;
let redis: RedisConnection;

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined, commandMillis: 300 });
});
beforeEach(async () => {
  await until('a connection', () => redis.status === 'ready');
  await redis.flushall();
});
afterEach(async () => {
  await Promise.all(watches.splice(0).map((watch) => watch.close()));
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function watch(instanceId = 'gateway-1', whenDrained: () => Promise<void> = async () => undefined) {
  const made = createHoldWatch({ redis, names: trafficNames, instanceId, whenDrained });
  watches.push(made);
  await made.start();
  return made;
}

const writes = { scope: 'writes', by: 'rollback/saju-cube' } as const;
const step = { holderId: 'rollback/saju-cube/1', sequence: 1 };

/** Of the run whose step comes now. */
async function place(name: TrafficName, request: HoldRequest): Promise<Hold> {
  const hold = await placeHold(redis, name, request, step);
  if (hold === null) throw new Error('the step came late');
  return hold;
}

test('every gateway applies a hold, acknowledges it, and ends it when it is lifted', async () => {
  const gateways = [await watch('one'), await watch('two')];
  const hold = await place('saju', { ...writes, seconds: 60 });
  await until('both to say so', async () => (await readAcknowledgements(redis, hold.id)).size === 2);
  expect(await readAcknowledgements(redis, hold.id)).toEqual(
    new Map([
      ['one', hold.until],
      ['two', hold.until],
    ]),
  );
  for (const gateway of gateways) {
    expect(gateway.holds('saju', 'writes')).toBe(true);
    expect(gateway.holds('saju', 'reads')).toBe(false);
    expect(gateway.holds('ai', 'writes')).toBe(false);
  }
  const lifted = Promise.all(gateways.map((gateway) => gateway.lifted('saju')));
  expect(await liftHold(redis, 'saju', 'another', step)).toBe(false);
  expect(await liftHold(redis, 'saju', writes.by, step)).toBe(true);
  await lifted;
  expect(gateways.some((gateway) => gateway.holds('saju', 'writes'))).toBe(false);
  expect(await readCurrentHold(redis, 'saju')).toBeNull();
});

test('a hold ends by itself when its owner has died', async () => {
  const gateway = await watch();
  const placed = performance.now();
  await place('saju', { scope: 'all', by: 'maker', seconds: 1 });
  await until('the hold', () => gateway.holds('saju', 'reads'));
  await gateway.lifted('saju');
  expect(performance.now() - placed).toBeGreaterThan(950);
  expect(performance.now() - placed).toBeLessThan(2000);
  expect(gateway.holds('saju', 'writes')).toBe(false);
});

test('a hold ends by itself while Redis is away, and not before its time', async () => {
  const gateway = await watch();
  const placed = performance.now();
  await place('saju', { ...writes, seconds: 2 });
  await until('the hold', () => gateway.holds('saju', 'writes'));
  server.signal('SIGSTOP');
  try {
    await gateway.lifted('saju');
    expect(performance.now() - placed).toBeGreaterThan(1950);
  } finally {
    server.signal('SIGCONT');
  }
});

test('a hold that was acknowledged outlasts a Redis that loses it, and may still be placed anew and lifted', async () => {
  const gateway = await watch();
  const placed = performance.now();
  const hold = await place('saju', { ...writes, seconds: 2 });
  await until('the acknowledgement', async () => (await readAcknowledgements(redis, hold.id)).size === 1);
  await redis.flushall();
  const ai = await place('ai', { ...writes, seconds: 60 });
  await until('a look', () => gateway.holds('ai', 'writes'));
  expect(gateway.holds('saju', 'writes')).toBe(true);
  await gateway.lifted('saju');
  expect(performance.now() - placed).toBeGreaterThan(1950);
  await redis.flushall();
  const again = await place('ai', { ...writes, seconds: 60 });
  expect(again.id).not.toBe(ai.id);
  await until('the new one', async () => (await readAcknowledgements(redis, again.id)).size === 1);
  await liftHold(redis, 'ai', writes.by, step);
  await gateway.lifted('ai');
});

test('no hold is acknowledged before the requests admitted earlier have been answered', async () => {
  let answered: () => void = () => undefined;
  const gateway = await watch('slow', () => new Promise<void>((resolve) => (answered = resolve)));
  const quick = await watch('quick');
  const hold = await place('saju', { ...writes, seconds: 60 });
  await until('both to hold', () => gateway.holds('saju', 'writes') && quick.holds('saju', 'writes'));
  await until('the quick one', async () => (await readAcknowledgements(redis, hold.id)).has('quick'));
  expect((await readAcknowledgements(redis, hold.id)).has('slow')).toBe(false);
  answered();
  await until('the slow one', async () => (await readAcknowledgements(redis, hold.id)).has('slow'));
});

test('its maker may repeat and prolong a hold, anybody else is refused', async () => {
  const gateway = await watch();
  const first = await place('saju', { ...writes, seconds: 30 });
  const again = await place('saju', { ...writes, seconds: 1 });
  expect(again).toEqual(first);
  const longer = await place('saju', { ...writes, seconds: 60 });
  expect(longer.id).toBe(first.id);
  expect(longer.until).toBeGreaterThan(first.until);
  await until('the longer one to be acknowledged', async () => {
    return (await readAcknowledgements(redis, first.id)).get('gateway-1') === longer.until;
  });
  await expect(place('saju', { ...writes, by: 'somebody', seconds: 5 })).rejects.toMatchObject({
    type: 'conflict',
  });
  const wider = await place('saju', { scope: 'all', by: writes.by, seconds: 60 });
  expect(wider.id).not.toBe(first.id);
  await until('reads to wait too', () => gateway.holds('saju', 'reads'));
  await until('the wider one to be acknowledged', async () => (await readAcknowledgements(redis, wider.id)).size === 1);
});

test.each([0, -1, 601, Number.NaN, Number.POSITIVE_INFINITY])('a hold of %d seconds is refused', async (seconds) => {
  await expect(place('saju', { ...writes, seconds })).rejects.toMatchObject({ type: 'invalid_input' });
});

test('invalid text in the key of a hold holds no request', async () => {
  const gateway = await watch();
  for (const text of ['', '7', '{"id":1}', '{"id":"a","scope":"none","until":99999999999999,"by":"b"}']) {
    await redis.set('cubeshift:hold:saju', text);
    await place('ai', { ...writes, seconds: 5 });
    await until('a look', () => gateway.holds('ai', 'writes'));
    expect(gateway.holds('saju', 'writes')).toBe(false);
    await liftHold(redis, 'ai', writes.by, step);
    await until('another look', () => !gateway.holds('ai', 'writes'));
  }
  await place('saju', { ...writes, seconds: 5 });
  await until('the real one', () => gateway.holds('saju', 'writes'));
});
