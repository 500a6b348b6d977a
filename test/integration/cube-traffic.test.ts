import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CubeTraffic, createCubeTraffic } from '../../src/activities/cube-traffic.js';
import { createCubeVersions } from '../../src/activities/cube-versions.js';
import { ownedByLegacy } from '../../src/domain/traffic/routing.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { closeFence } from '../../src/redis/fencing.js';
import { createLocalRuntime } from '../../src/runtime/local.js';
import { createFlagWatcher } from '../../src/traffic/flag-watcher.js';
import { readFlags, writeFlags } from '../../src/traffic/flags.js';
import { readAcknowledgements, readCurrentHold } from '../../src/traffic/holds.js';
import { until } from '../support/conditions.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances, registerInstance } from '../support/registry.js';
import { SlowProxy } from '../support/slow-proxy.js';

/** Keeping users from a cube and letting them in again, on a real Redis. */
let server: OwnRedis;
let redis: RedisConnection;
const change = { cubeId: 'saju-cube', holderId: 'rollback/saju-cube/1' };
const unknown = { way: 'flags', enabled: null } as const;
const closed = { way: 'flags', enabled: false } as const;
const opened = { passed: true, closedBy: null };

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined });
});
beforeEach(async () => {
  await until('a connection', () => redis.status === 'ready');
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const known = () => true;

function traffic(owner: 'legacy' | 'cube' = 'legacy', killSwitchFolder = '/nowhere'): CubeTraffic {
  const ownershipOf = async () => ({ ...ownedByLegacy, owner });
  return createCubeTraffic({ redis, known, ownershipOf, killSwitchFolder });
}

function run<T>(step: () => Promise<T>): Promise<T> {
  return new MockActivityEnvironment().run(step) as Promise<T>;
}

test('a cube that was closed here is opened again, though its earlier state was unknown', async () => {
  await run(() => traffic().stopTraffic(change, unknown, 1));
  expect((await readFlags(redis, 'saju')).enabled).toBe(false);
  expect(await run(() => traffic().resumeTraffic(change, unknown, 2))).toEqual(opened);
  expect((await readFlags(redis, 'saju')).enabled).toBe(true);
});

test('a cube that another caller had closed before stays closed, by that caller', async () => {
  await writeFlags(redis, 'saju', { enabled: false }, { by: 'ops', why: 'not yet' });
  await run(() => traffic().stopTraffic(change, unknown, 1));
  expect(await run(() => traffic().resumeTraffic(change, unknown, 2))).toEqual({ passed: true, closedBy: 'ops' });
  expect(await readFlags(redis, 'saju')).toMatchObject({ enabled: false, changed: { by: 'ops' } });
});

test('a cube that another caller closes meanwhile stays closed, and the outcome says so', async () => {
  await run(() => traffic().stopTraffic(change, { way: 'flags', enabled: true }, 1));
  await writeFlags(redis, 'saju', { enabled: false }, { by: 'ops', why: 'wait' });
  const verdict = await run(() => traffic().resumeTraffic(change, { way: 'flags', enabled: true }, 2));
  expect(verdict).toEqual({ passed: false, sentence: 'the cube was closed by ops meanwhile' });
});

describe('a cube that an earlier rollback closed, and left to a person,', () => {
  const earlier = { ...change, holderId: 'rollback/saju-cube/0' };
  const again = async () => {
    expect(await run(() => traffic().readTraffic(change))).toEqual(closed);
    await run(() => traffic().stopTraffic(change, closed, 1));
    return run(() => traffic().resumeTraffic(change, closed, 2));
  };
  beforeEach(() => run(() => traffic().stopTraffic(earlier, { way: 'flags', enabled: true }, 1)));

  test('is opened by the next one that ends well', async () => {
    expect(await again()).toEqual(opened);
    expect(await readFlags(redis, 'saju')).toMatchObject({ enabled: true, closedBy: null });
  });

  test('is opened also when its weight was changed meanwhile', async () => {
    await writeFlags(redis, 'saju', { percentage: 0 }, { by: 'ramp/saju', why: 'went back' });
    expect(await readFlags(redis, 'saju')).toMatchObject({ enabled: false, closedBy: earlier.holderId });
    expect(await again()).toEqual(opened);
  });

  test('stays closed once a person said so', async () => {
    await writeFlags(redis, 'saju', { enabled: false }, { by: 'ops', why: 'not yet' });
    expect(await again()).toEqual({ passed: true, closedBy: 'ops' });
    expect((await readFlags(redis, 'saju')).enabled).toBe(false);
  });

  test('and was closed by hand after a person had opened it stays closed', async () => {
    await writeFlags(redis, 'saju', { enabled: true }, { by: 'ops', why: 'open' });
    await redis.set('saju_cube_enabled', 'false');
    expect(await again()).toEqual({ passed: true, closedBy: 'an unknown caller' });
  });
});

test('a kill switch that an earlier rollback has thrown goes, and one of a person stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cubeshift-switch-'));
  const file = join(folder, 'saju');
  await writeFile(file, 'rollback/saju-cube/0');
  await run(() => traffic('legacy', folder).resumeTraffic(change, unknown, 2));
  expect(existsSync(file)).toBe(false);
  await writeFile(file, '');
  await run(() => traffic('legacy', folder).resumeTraffic(change, unknown, 2));
  expect(existsSync(file)).toBe(true);
  await rm(folder, { recursive: true });
});

describe('an attempt that wakes up after its step was done by another, and', () => {
  const before = { way: 'flags', enabled: true } as const;
  const stop = (turn: number, from = traffic()) => run(() => from.stopTraffic(change, before, turn));
  const letIn = (turn: number) => run(() => traffic().resumeTraffic(change, before, turn));
  const versions = () =>
    createCubeVersions({ runtime: createLocalRuntime(folder, '1.0'), redis, admits: () => true, maxInstances: 8 });
  const isOpen = async () => (await readFlags(redis, 'saju')).enabled;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cubeshift-late-'));
    return () => rm(folder, { recursive: true });
  });

  test('the cube was opened, stops no user', async () => {
    await stop(1);
    expect(await letIn(2)).toEqual(opened);
    await stop(1);
    expect(await isOpen()).toBe(true);
    await stop(3);
    expect(await isOpen()).toBe(false);
  });

  test('the cube was closed again, opens it for no user', async () => {
    await stop(1);
    await stop(3);
    await letIn(2);
    expect(await isOpen()).toBe(false);
  });

  test('a person opened the cube after the end, does not close it', async () => {
    await stop(1);
    await run(() => versions().releaseCube(change));
    await writeFlags(redis, 'saju', { enabled: true }, { by: 'ops', why: 'seen' });
    await stop(2);
    expect(await isOpen()).toBe(true);
  });

  test('the rollback never held the cube, does not take it', async () => {
    await run(() => versions().releaseCube(change));
    await expect(run(() => versions().claimCube(change, 'rollback'))).rejects.toMatchObject({ type: 'conflict' });
    const next = { ...change, holderId: 'deployment/saju-cube/1' };
    expect(await run(() => versions().claimCube(next, 'deployment'))).toMatchObject({ active: '1.0' });
  });

  /** Redis is away for its change, and back when it looks again. */
  const whileAway = () =>
    createCubeTraffic({
      redis: new Proxy(redis, {
        get: (of, name) =>
          name === 'eval' ? () => Promise.reject(new Error('away')) : Reflect.get(of, name).bind?.(of),
      }),
      ownershipOf: async () => ownedByLegacy,
      known,
      killSwitchFolder: folder,
    });

  test('throws the kill switch, removes it', async () => {
    const away = whileAway();
    await stop(1, away);
    expect(existsSync(join(folder, 'saju'))).toBe(true);
    await run(() => traffic('legacy', folder).resumeTraffic(change, before, 2));
    expect(existsSync(join(folder, 'saju'))).toBe(false);
    await stop(1, away);
    expect(existsSync(join(folder, 'saju'))).toBe(false);
  });

  test('a kill switch was thrown after it, leaves that alone', async () => {
    await stop(1);
    await letIn(2);
    await stop(3, whileAway());
    await run(() => traffic('legacy', folder).resumeTraffic(change, before, 2));
    await stop(1, whileAway());
    expect(existsSync(join(folder, 'saju'))).toBe(true);
    await run(() => traffic('legacy', folder).resumeTraffic(change, before, 4));
    expect(existsSync(join(folder, 'saju'))).toBe(false);
  });

  test('users no longer wait, places no hold', async () => {
    const hold = { way: 'hold', enabled: null } as const;
    await run(() => traffic('cube').stopTraffic(change, hold, 1));
    await run(() => traffic('cube').resumeTraffic(change, hold, 2));
    await run(() => traffic('cube').stopTraffic(change, hold, 1));
    expect(await readCurrentHold(redis, 'saju')).toBeNull();
  });

  test('Redis lost what was done, errs to the safe side', async () => {
    await stop(1);
    await letIn(2);
    await redis.del('cubeshift:turn:rollback/saju-cube/1');
    await stop(1);
    expect(await isOpen()).toBe(false);
  });
});

describe('a gateway that does not go by what was written', () => {
  const entry = { cube_id: 'api-gateway-cube', version: '1.0.0', state: 'ready', started_at: Date.now() } as const;
  const before = { way: 'flags', enabled: true } as const;
  let folder: string;
  const thrown = () => existsSync(join(folder, 'saju'));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cubeshift-test-switch-'));
    return () => rm(folder, { recursive: true });
  });

  test('is waited for, then the kill switch is thrown for it, until the cube is opened', async () => {
    const gateway = registerInstance(redis, { ...entry, instance_id: 'deaf', url: 'http://127.0.0.1:1' });
    await until('it to be listed', async () => (await readInstances(redis, 'api-gateway-cube')).length === 1);
    expect(await run(() => traffic('legacy', folder).stopTraffic(change, before, 1))).toEqual({ unheard: 1 });
    expect(thrown()).toBe(true);
    await run(() => traffic('legacy', folder).resumeTraffic(change, before, 2));
    expect(thrown()).toBe(false);
    await gateway.close();
  });

  test('is not waited for longer than Redis lets us look, and a switch that was thrown meanwhile goes', async () => {
    const way = await SlowProxy.before(server.url);
    const slow = connectRedis(way.url, { onError: () => undefined });
    await until('a connection', () => slow.status === 'ready');
    const gateway = registerInstance(redis, { ...entry, instance_id: 'deaf', url: 'http://127.0.0.1:1' });
    await until('it to be listed', async () => (await readInstances(redis, 'api-gateway-cube')).length === 1);
    way.delayMillis = 900;
    const ownershipOf = async () => ownedByLegacy;
    const begun = performance.now();
    const stopped = await run(() =>
      createCubeTraffic({ redis: slow, known, ownershipOf, killSwitchFolder: folder }).stopTraffic(change, before, 1),
    );
    // Five seconds are all that the step has.
    expect(performance.now() - begun).toBeLessThan(4900);
    expect([stopped.unheard === 0, thrown()]).toEqual([false, true]);
    const { revision } = await readFlags(redis, 'saju');
    await redis.set('cubeshift:traffic:saju:seen:deaf', String(revision));
    expect(await run(() => traffic('legacy', folder).stopTraffic(change, before, 1))).toEqual({ unheard: 0 });
    expect(thrown()).toBe(false);
    slow.disconnect();
    await way.close();
    await gateway.close();
  });

  test('is waited for only as long as it takes', async () => {
    const watcher = createFlagWatcher({
      redis,
      names: ['saju'],
      instanceId: 'hearing',
      snapshotFile: join(folder, 'flags.json'),
      killSwitchFolder: folder,
      onAlarm: () => undefined,
      clock: () => new Date(),
    });
    await watcher.start();
    const gateway = registerInstance(redis, { ...entry, instance_id: 'hearing', url: 'http://127.0.0.1:1' });
    await until('it to be listed', async () => (await readInstances(redis, 'api-gateway-cube')).length === 1);
    for (let turn = 1; turn < 6; turn += 2) {
      expect(await run(() => traffic('legacy', folder).stopTraffic(change, before, turn))).toEqual({ unheard: 0 });
      expect(watcher.flagsOf('saju').enabled).toBe(false);
      await run(() => traffic('legacy', folder).resumeTraffic(change, before, turn + 1));
    }
    expect(thrown()).toBe(false);
    await gateway.close();
    await watcher.close();
  });
});

describe('users who wait', () => {
  const before = { way: 'hold', enabled: null } as const;
  const left = () => redis.pttl('cubeshift:hold:saju');

  test('go on waiting for as long as the hold is renewed, and not after it was lifted', async () => {
    await run(() => traffic('cube').stopTraffic(change, before, 1));
    await redis.pexpire('cubeshift:hold:saju', 5000);
    const kept = run(() => traffic('cube').extendHold(change, 1));
    await until('the hold to be made longer', async () => (await left()) > 50_000);
    await run(() => traffic('cube').resumeTraffic(change, before, 2));
    await kept;
    expect(await readCurrentHold(redis, 'saju')).toBeNull();
  });

  test('are left alone by an attempt that wakes up late, whatever it was about to do', async () => {
    await run(() => traffic('cube').stopTraffic(change, before, 1));
    await run(() => traffic('cube').resumeTraffic(change, before, 2));
    await run(() => traffic('cube').stopTraffic(change, before, 3));
    const held = await readCurrentHold(redis, 'saju');
    expect(held).not.toBeNull();
    for (const late of [
      () => traffic('cube').stopTraffic(change, before, 1),
      () => traffic('cube').extendHold(change, 1),
      () => traffic('cube').resumeTraffic(change, before, 2),
    ])
      await run<unknown>(late);
    expect(await readCurrentHold(redis, 'saju')).toEqual(held);
  });

  test('of a rollback that a person took over are released by the next one', async () => {
    await run(() => traffic('cube').stopTraffic(change, before, 1));
    const next = { ...change, holderId: 'rollback/saju-cube/2' };
    await run(() => traffic('cube').stopTraffic(next, before, 1));
    await run(() => traffic('cube').resumeTraffic(next, before, 2));
    expect(await readCurrentHold(redis, 'saju')).toBeNull();
  });

  test('are not kept by one that wakes up late, or whose rollback is over', async () => {
    await run(() => traffic('cube').resumeTraffic(change, before, 2));
    await run(() => traffic('cube').extendHold(change, 1));
    expect(await readCurrentHold(redis, 'saju')).toBeNull();
    await closeFence(redis, change.holderId);
    await run(() => traffic('cube').extendHold(change, 3));
    expect(await readCurrentHold(redis, 'saju')).toBeNull();
  });
});

test('a hold is in force only when a gateway that drains says so too', async () => {
  const gateway = registerInstance(redis, {
    cube_id: 'api-gateway-cube',
    instance_id: 'leaving',
    url: 'http://127.0.0.1:1',
    version: '1.0.0',
    state: 'draining',
    started_at: Date.now(),
  });
  await until('it to be listed', async () => (await readInstances(redis, 'api-gateway-cube')).length === 1);
  const before = { way: 'hold', enabled: null } as const;
  await expect(run(() => traffic('cube').stopTraffic(change, before, 1))).rejects.toMatchObject({
    type: 'step_stalled',
  });
  const hold = await readCurrentHold(redis, 'saju');
  await redis.hset(`cubeshift:hold-acks:${hold?.id}`, 'leaving', String(hold?.until));
  expect((await readAcknowledgements(redis, hold?.id ?? '')).size).toBe(1);
  await run(() => traffic('cube').stopTraffic(change, before, 1));
  await gateway.close();
});
