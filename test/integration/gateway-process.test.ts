import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { liftHold } from '../../src/redis/scripts/lift-hold.js';
import type { Registration } from '../../src/registry/instances.js';
import { placeHold, readAcknowledgements } from '../../src/traffic/holds.js';
import { until } from '../support/conditions.js';
import { cubeSecret, TestUpstream, userSecret } from '../support/gateway.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances, registerInstance } from '../support/registry.js';
import { ServiceProcess } from '../support/service-process.js';
import { SlowProxy } from '../support/slow-proxy.js';

/** The gateway as a process of its own, with a real Redis, as other programs meet it. */
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-gateway-'));
let redis: OwnRedis;
/** The gateway's own way to Redis. */
let wayToRedis: SlowProxy;
let connection: RedisConnection;
let registration: Registration;
let legacy: TestUpstream;
let cube: TestUpstream;
let gateway: ServiceProcess;
let url: string;

beforeAll(async () => {
  redis = await OwnRedis.start();
  wayToRedis = await SlowProxy.before(redis.url);
  connection = connectRedis(redis.url, { onError: () => undefined });
  await until('redis', () => connection.status === 'ready');
  legacy = await TestUpstream.start('legacy');
  cube = await TestUpstream.start('cube');
  registration = registerInstance(
    connection,
    {
      cube_id: 'saju-cube',
      instance_id: 'saju-1',
      url: cube.url,
      version: '1.0.0',
      state: 'ready',
      started_at: Date.now(),
    },
    { secret: cubeSecret },
  );
  await registration.setState('ready');
  await startGateway();
});
afterAll(async () => {
  await gateway.end('SIGKILL');
  await registration.close();
  connection.disconnect();
  await Promise.all([wayToRedis.close(), redis.stop(), legacy.stop(), cube.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

async function startGateway(): Promise<void> {
  gateway = await ServiceProcess.start('gateway', {
    REDIS_URL: wayToRedis.url,
    CUBE_JWT_SECRET: cubeSecret,
    USER_JWT_SECRET: userSecret,
    LEGACY_SAJU_URL: legacy.url,
    INSTANCE_ID: 'gateway-1',
    STATE_DIR: folder,
    INSTANCE_NETWORKS: '127.0.0.1',
  });
  url = gateway.url;
}

async function targetOf(user: string): Promise<string | null> {
  const answer = await fetch(`${url}/api/saju/records/1`, { headers: { 'x-user-id': user } });
  await answer.arrayBuffer();
  return answer.status === 200 ? answer.headers.get('x-cube-target') : String(answer.status);
}

async function takesEffect(what: string, look: () => Promise<boolean>): Promise<void> {
  const begun = performance.now();
  await until(what, look);
  // A second by the contract; the rest is this machine's, and what waiting for it takes.
  expect(performance.now() - begun).toBeLessThan(2000);
}

test('a plain SET by another program takes effect, an allowed value or none', async () => {
  expect(await targetOf('user-2')).toBe('legacy');
  await connection.set('saju_cube_user_percentage', '13');
  await takesEffect('the percentage', async () => (await targetOf('user-2')) === 'cube');
  expect(await targetOf('user-1')).toBe('legacy');
  await connection.set('saju_cube_user_percentage', '5%');
  await until(
    'the alarm',
    async () =>
      ((await (await fetch(`${url}/health`)).json()) as { flags: { alarms: string[] } }).flags.alarms.length > 0,
  );
  expect(await targetOf('user-2')).toBe('cube');
  await connection.set('saju_cube_user_percentage', '13');
  await connection.set('saju_cube_enabled', 'false');
  await takesEffect('the closing', async () => (await targetOf('user-2')) === 'legacy');
  await connection.del('saju_cube_enabled');
  await takesEffect('the opening', async () => (await targetOf('user-2')) === 'cube');
});

test('is in the registry, and signs its calls to the cube', async () => {
  const [entry] = await readInstances(connection, 'api-gateway-cube');
  expect(entry).toMatchObject({ instance_id: 'gateway-1', url, state: 'ready' });
  expect(cube.seen.at(-1)?.headers['x-cube-token']).toBeDefined();
});

test('an instance that drains gets no new users', async () => {
  await registration.setState('draining');
  await takesEffect('the draining', async () => (await targetOf('user-2')) === 'legacy');
  await registration.setState('ready');
  await takesEffect('its return', async () => (await targetOf('user-2')) === 'cube');
});

test('ignores an instance outside of INSTANCE_NETWORKS, with one warning', async () => {
  const stranger = await TestUpstream.start('stranger');
  const { port } = new URL(stranger.url);
  const told = () => gateway.said.split('Instance stranger of saju-cube is ignored').length - 1;
  const entry = {
    cube_id: 'saju-cube',
    instance_id: 'stranger',
    version: '1.0.0',
    state: 'ready',
    started_at: 0,
  } as const;
  const entered = registerInstance(connection, { ...entry, url: `http://localhost:${port}` }, { secret: cubeSecret });
  try {
    await until('the sentence', () => told() > 0);
    for (let place = 0; place < 20; place++) expect(await targetOf('user-2')).toBe('cube');
    // Two more looks of the gateway.
    await sleep(1000);
    expect([stranger.seen, told()]).toEqual([[], 1]);
  } finally {
    await entered.close();
    await stranger.stop();
  }
});

test('a hold is acknowledged, lets writes wait, and ends when it is lifted', async () => {
  const step = { holderId: 'a test/1', sequence: 1 };
  const hold = await placeHold(connection, 'saju', { scope: 'writes', seconds: 20, by: 'a test' }, step);
  await until('the acknowledgement', async () =>
    (await readAcknowledgements(connection, hold?.id ?? '')).has('gateway-1'),
  );
  const write = fetch(`${url}/api/saju/records/1`, { method: 'DELETE', headers: { 'x-user-id': 'user-2' } });
  expect(await targetOf('user-2')).toBe('cube');
  expect(await Promise.race([write.then(() => 'answered'), targetOf('user-1')])).toBe('legacy');
  await liftHold(connection, 'saju', 'a test', step);
  expect((await write).status).toBe(200);
});

async function healthStatus(): Promise<string> {
  return ((await (await fetch(`${url}/health`)).json()) as { status: string }).status;
}

/** The median of twenty requests, milliseconds. */
async function usualMillis(): Promise<number> {
  const took: number[] = [];
  for (let asked = 0; asked < 20; asked++) {
    const begun = performance.now();
    expect(await targetOf('user-2')).toBe('cube');
    took.push(performance.now() - begun);
  }
  return took.sort((a, b) => a - b)[10] ?? Infinity;
}

test('sends no request to an instance without a valid signature, with one warning', async () => {
  const rogue = await TestUpstream.start('rogue');
  const entry = { cube_id: 'saju-cube', instance_id: 'rogue', url: rogue.url, version: '1.0.0', started_at: 0 };
  const beat = async () => {
    const text = JSON.stringify({
      ...entry,
      state: 'ready',
      heartbeat_at: Number((await connection.time())[0]) * 1000,
    });
    await connection.hset('cubeshift:instances:saju-cube', 'rogue', text);
  };
  await connection.set('saju_cube_user_percentage', '13');
  await until('user-2 to be on the cube', async () => (await targetOf('user-2')) === 'cube');
  await beat();
  await until('the alarm', () => gateway.said.includes('Instance rogue of saju-cube is ignored'));
  for (let request = 0; request < 30; request++) {
    if (request % 10 === 0) await beat();
    expect(await targetOf('user-2')).toBe('cube');
  }
  expect(rogue.seen).toEqual([]);
  expect(gateway.said.split('Instance rogue of saju-cube is ignored')).toHaveLength(2);
  await connection.hdel('cubeshift:instances:saju-cube', 'rogue');
  await rogue.stop();
});

test('a Redis that answers slowly slows no request down, and changes take effect', async () => {
  wayToRedis.delayMillis = 400;
  expect(await usualMillis()).toBeLessThan(200);
  await connection.set('saju_cube_user_percentage', '0');
  await until('the change', async () => (await targetOf('user-2')) === 'legacy');
  await connection.set('saju_cube_user_percentage', '13');
  await until('the change', async () => (await targetOf('user-2')) === 'cube');
  expect(await healthStatus()).toBe('ok');
  wayToRedis.delayMillis = 0;
});

test('keeps its flags while Redis is slower than the time limit, raises an alarm, and follows Redis again afterwards', async () => {
  wayToRedis.delayMillis = 1500;
  await until('health to say so', async () => (await healthStatus()) === 'degraded');
  expect(await usualMillis()).toBeLessThan(200);
  await connection.set('saju_cube_user_percentage', '0');
  wayToRedis.delayMillis = 0;
  await until('the change', async () => (await targetOf('user-2')) === 'legacy');
  await connection.set('saju_cube_user_percentage', '13');
  await until(
    'all to be as before',
    async () => (await healthStatus()) === 'ok' && (await targetOf('user-2')) === 'cube',
  );
});

test('keeps its flags without Redis, reports it, and follows changes again afterwards', async () => {
  await redis.kill();
  await until('health to say so', async () => (await healthStatus()) === 'degraded');
  for (let asked = 0; asked < 20; asked++) expect(await targetOf('user-2')).toBe('cube');
  await until('the metrics to say for how long', async () =>
    /^gateway_flags_stale_seconds [1-9]/m.test(await (await fetch(`${url}/metrics`)).text()),
  );
  mkdirSync(join(folder, 'kill-switch'), { recursive: true });
  writeFileSync(join(folder, 'kill-switch', 'saju'), '');
  await takesEffect('the kill switch', async () => (await targetOf('user-2')) === 'legacy');
  rmSync(join(folder, 'kill-switch', 'saju'));
  await takesEffect('its end', async () => (await targetOf('user-2')) === 'cube');
});

test('starts without Redis with the last saved weights, and without instances until the registry is back', async () => {
  await gateway.end('SIGKILL');
  await startGateway();
  const health = (await (await fetch(`${url}/health`)).json()) as { flags: { source: string } };
  expect(health.flags.source).toBe('disk');
  expect(await targetOf('user-2')).toBe('legacy');
  await redis.revive();
  await connection.set('saju_cube_user_percentage', '13').catch(() => undefined);
  await until('the instance to be back', async () => {
    await connection.set('saju_cube_user_percentage', '13').catch(() => undefined);
    return (await targetOf('user-2')) === 'cube';
  });
});

test('a flushed Redis costs no request', async () => {
  await connection.flushall();
  await connection.set('saju_cube_user_percentage', '13');
  for (let asked = 0; asked < 50; asked++) expect(['cube', 'legacy']).toContain(await targetOf('user-2'));
  await until('all to be as before', async () => (await targetOf('user-2')) === 'cube');
});

test('leaves the registry and ends at SIGTERM', async () => {
  expect(await gateway.end('SIGTERM')).toEqual([0, null]);
  expect(await readInstances(connection, 'api-gateway-cube')).toEqual([]);
});
