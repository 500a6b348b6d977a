import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { countSharedRequests } from '../../src/redis/scripts/count-requests.js';
import type { RateLimits } from '../../src/services/gateway/admission/admission.js';
import { type CountedBy, RateLimit } from '../../src/services/gateway/admission/rate-limits.js';
import { until } from '../support/conditions.js';
import { metricsOf, startGateway, type TestGateway, TestUpstream } from '../support/gateway.js';
import { OwnRedis } from '../support/own-redis.js';

let server: OwnRedis;
let redis: RedisConnection;
let legacy: TestUpstream;
let gateways: TestGateway[] = [];

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined, commandMillis: 200 });
  legacy = await TestUpstream.start('legacy');
});
beforeEach(async () => {
  await until('redis to be connected', () => redis.status === 'ready');
  await redis.flushall();
  legacy.seen.length = 0;
});
afterEach(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  gateways = [];
});
afterAll(async () => {
  redis.disconnect();
  await Promise.all([server.stop(), legacy.stop()]);
});

/** Ten at once and hardly any later, so that the time a test takes does not matter. */
function limit(by: CountedBy, { burst = 10, perSecond = 0.01 } = {}): RateLimit {
  return new RateLimit({
    by,
    rate: { perSecond, burst },
    countShared: (bucket, rate, count) => countSharedRequests(redis, bucket, rate, count),
    now: () => performance.now(),
  });
}

async function gatewayWith(rateLimits: Partial<RateLimits>, trustedEdges?: readonly string[]): Promise<TestGateway> {
  const gateway = await startGateway({
    legacy: { saju: legacy.url },
    rateLimits,
    ...(trustedEdges === undefined ? {} : { trustedEdges }),
  });
  gateways.push(gateway);
  return gateway;
}

const ask = (gateway: TestGateway, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/api/saju/records/1`, { headers });

async function statusesOf(gateway: TestGateway, times: number, headers: Record<string, string> = {}) {
  const statuses: number[] = [];
  for (let asked = 0; asked < times; asked++) statuses.push((await ask(gateway, headers)).status);
  return { passed: statuses.filter((status) => status === 200).length, last: statuses.at(-1) };
}

describe('a user over the rate limit', () => {
  test('gets a Retry-After; others are served, and no failure counts against a side', async () => {
    const gateway = await gatewayWith({ subject: limit('subject') });
    expect(await statusesOf(gateway, 12, { 'x-user-id': 'eager' })).toEqual({ passed: 10, last: 429 });
    const refused = await ask(gateway, { 'x-user-id': 'eager' });
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(await refused.json()).toMatchObject({
      type: 'rate_limited',
      status: 429,
      detail: 'This user sends too many requests.',
    });
    expect(await statusesOf(gateway, 3, { 'x-user-id': 'calm' })).toEqual({ passed: 3, last: 200 });
    expect(await statusesOf(gateway, 12)).toEqual({ passed: 12, last: 200 });
    const metrics = await metricsOf(gateway);
    expect(metrics).toContain('endpoint="refused",status="429"} 3');
    expect(metrics).not.toMatch(/gateway_upstream_requests_total\{.*status="429"/);
    expect(legacy.seen).toHaveLength(25);
  });

  test('is counted on every path, own endpoints of the gateway included', async () => {
    const gateway = await gatewayWith({ subject: limit('subject') });
    const eager = { 'x-user-id': 'curious' };
    const paths = ['/health', '/ready', '/metrics', '/api/saju/records/1', '/health'];
    for (const path of [...paths, ...paths])
      expect((await fetch(`${gateway.url}${path}`, { headers: eager })).status).toBe(200);
    for (const path of [...paths, '/_gateway/shadow', '/health'])
      expect((await fetch(`${gateway.url}${path}`, { headers: eager })).status).toBe(429);
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  });

  test('at one gateway is refused at the next, once Redis has counted it', async () => {
    const [one, other] = [
      await gatewayWith({ subject: limit('subject') }),
      await gatewayWith({ subject: limit('subject') }),
    ];
    // A name of its own: what the test before had to count may come late.
    const eager = { 'x-user-id': 'hasty' };
    expect(await statusesOf(one, 10, eager)).toEqual({ passed: 10, last: 200 });
    const counted = () => countSharedRequests(redis, 'gateway:subject:hasty', { perSecond: 0.01, burst: 10 }, 0);
    await until('Redis to have counted all of it', async () => (await counted()) > 0);
    await until('a refusal of the other', async () => (await ask(other, eager)).status === 429);
    expect((await statusesOf(other, 1, eager)).passed).toBe(0);
    expect(legacy.seen.length).toBeLessThan(20);
    expect((await statusesOf(other, 1, { 'x-user-id': 'calm' })).passed).toBe(1);
  });

  test('is refused by each gateway alone while Redis hangs or is away, without waiting for it', async () => {
    const gateway = await gatewayWith({ subject: limit('subject') });
    server.signal('SIGSTOP');
    const begun = performance.now();
    expect(await statusesOf(gateway, 12, { 'x-user-id': 'one' })).toEqual({ passed: 10, last: 429 });
    expect(performance.now() - begun).toBeLessThan(1000);
    server.signal('SIGCONT');
    await server.kill();
    expect(await statusesOf(gateway, 12, { 'x-user-id': 'other' })).toEqual({ passed: 10, last: 429 });
    await server.revive();
  });

  test('has its own bucket, whatever the length or bytes of its id', async () => {
    const gateway = await gatewayWith({ subject: limit('subject', { burst: 1 }) });
    const long = 'x'.repeat(1000);
    expect((await statusesOf(gateway, 2, { 'x-user-id': `${long}1` })).passed).toBe(1);
    expect((await statusesOf(gateway, 2, { 'x-user-id': `${long}2` })).passed).toBe(1);
    expect((await statusesOf(gateway, 2, { 'x-user-id': 'é' })).passed).toBe(1);
  });
});

describe('an address over the rate limit', () => {
  test('is refused, invalid tokens counted too, whatever X-Forwarded-For it sends', async () => {
    const gateway = await gatewayWith({ address: limit('address') }, []);
    for (let guess = 0; guess < 9; guess++)
      expect((await ask(gateway, { authorization: 'Bearer guessed' })).status).toBe(401);
    expect((await ask(gateway)).status).toBe(200);
    expect((await ask(gateway, { authorization: 'Bearer guessed' })).status).toBe(429);
    const refused = await ask(gateway, { 'x-forwarded-for': '203.0.113.9' });
    expect(await refused.json()).toMatchObject({ status: 429, detail: 'This address sends too many requests.' });
    for (const path of ['/health', '/ready', '/metrics', '/_gateway/shadow', '/_gateway/x'])
      expect((await fetch(`${gateway.url}${path}`)).status).toBe(429);
  });

  test('of an edge is not counted; its client is, by the last address that is no edge', async () => {
    const gateway = await gatewayWith({ address: limit('address') }, ['127.0.0.0/8', '10.0.0.0/8']);
    const from = (chain: string) => ({ 'x-forwarded-for': chain });
    expect((await statusesOf(gateway, 20)).passed).toBe(20);
    expect((await statusesOf(gateway, 20, from('10.1.2.3'))).passed).toBe(20);
    expect((await statusesOf(gateway, 20, from('nonsense'))).passed).toBe(20);
    expect(await statusesOf(gateway, 6, from('198.51.100.1, 203.0.113.7, 10.1.2.3'))).toEqual({ passed: 6, last: 200 });
    expect(await statusesOf(gateway, 6, from('198.51.100.2, 203.0.113.7:5000'))).toEqual({ passed: 4, last: 429 });
    expect(await statusesOf(gateway, 6, from('2001:db8:1:2::1'))).toEqual({ passed: 6, last: 200 });
    expect(await statusesOf(gateway, 6, from('[2001:db8:1:2:ffff::9]:443'))).toEqual({ passed: 4, last: 429 });
    expect((await statusesOf(gateway, 1, from('2001:db8:1:3::1'))).passed).toBe(1);
  });
});
