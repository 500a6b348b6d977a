import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { changedChannel } from '../../src/redis/keys.js';
import { admittedInstances } from '../../src/registry/admitted-instances.js';
import { signEntry } from '../../src/registry/entry-signature.js';
import {
  type NewInstance,
  readActiveVersion,
  readInstances as readAdmitted,
  registerInstance as register,
  setActiveVersion,
} from '../../src/registry/instances.js';
import { readSecretsReports, reportSecrets } from '../../src/registry/known-secrets.js';
import { until } from '../support/conditions.js';
import { OwnRedis } from '../support/own-redis.js';
import { readInstances, registerInstance } from '../support/registry.js';

/** The registry of instances on a real Redis. */
let server: OwnRedis;
let redis: RedisConnection;
const key = 'cubeshift:instances:saju-cube';
const instance: NewInstance = {
  cube_id: 'saju-cube',
  instance_id: 'one',
  url: 'http://127.0.0.1:8001',
  version: '1.0.0',
  state: 'starting',
  started_at: 1_764_000_000_123,
};
const fast = { everyMillis: 50 };

beforeAll(async () => {
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined, commandMillis: 500 });
});
beforeEach(async () => {
  await until('redis to be connected', () => redis.status === 'ready');
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const statesNow = async () => (await readInstances(redis, 'saju-cube')).map(({ state }) => state);

describe('a registered instance', () => {
  test('is found as it is, in the order of ids, until it closes', async () => {
    const two = registerInstance(redis, { ...instance, instance_id: 'two' }, fast);
    const one = registerInstance(redis, instance, fast);
    await one.setState('ready');
    const [first, second, ...rest] = await until('both', async () => {
      const found = await readInstances(redis, 'saju-cube');
      return found.length === 2 && found;
    });
    expect([first, second, rest]).toMatchObject([
      { ...instance, state: 'ready' },
      { instance_id: 'two', state: 'starting' },
      [],
    ]);
    expect(await readInstances(redis, 'ai-cube')).toEqual([]);
    await one.close();
    await two.close();
    expect(await readInstances(redis, 'saju-cube')).toEqual([]);
  });

  test('is announced on the channel at each change of state', async () => {
    const listener = redis.duplicate();
    listener.on('error', () => undefined);
    await until('the listener to be connected', () => listener.status === 'ready');
    const heard: string[] = [];
    listener.on('message', (_channel, cubeId) => heard.push(cubeId));
    await listener.subscribe(changedChannel);
    const registration = registerInstance(redis, instance, { everyMillis: 60_000 });
    await registration.setState('ready');
    await registration.close();
    await until('three messages', () => heard.length === 3);
    expect(heard).toEqual(['saju-cube', 'saju-cube', 'saju-cube']);
    listener.disconnect();
  });

  test('comes back by itself after a flush', async () => {
    const registration = registerInstance(redis, instance, fast);
    await registration.setState('ready');
    await redis.flushall();
    await until('the entry to be back', async () => (await statesNow()).includes('ready'));
    await registration.close();
  });

  test('comes back by itself, in its newest state, after Redis was killed', async () => {
    const registration = registerInstance(redis, instance, fast);
    await until('the entry', async () => (await statesNow()).length === 1);
    await server.kill();
    await registration.setState('draining');
    await server.revive();
    await until('the entry to be back', async () => (await statesNow().catch(() => undefined))?.includes('draining'));
    await registration.close();
    expect(await statesNow()).toEqual([]);
  });

  test('does not wait for a Redis that hangs longer than a command may take', async () => {
    const registration = registerInstance(redis, instance, fast);
    await until('the entry', async () => (await statesNow()).length === 1);
    server.signal('SIGSTOP');
    const begun = Date.now();
    await registration.close();
    server.signal('SIGCONT');
    expect(Date.now() - begun).toBeLessThan(3000);
    await until('redis to answer', () => redis.ping().catch(() => false as const));
  });
});

describe('an entry', () => {
  const put = (id: string, entry: unknown) =>
    redis.hset(key, id, typeof entry === 'string' ? entry : JSON.stringify(entry));

  test('without a heartbeat for five seconds, or with one of the future, does not count, after a minute it is removed', async () => {
    const [seconds] = await redis.time();
    const now = Number(seconds) * 1000;
    const at = (age: number) => ({ ...instance, state: 'ready', heartbeat_at: now - age });
    await put('alive', { ...at(3000), instance_id: 'alive' });
    await put('late', { ...at(6000), instance_id: 'late' });
    await put('ahead', { ...at(-3_600_000), instance_id: 'ahead' });
    await put('dead', { ...at(62_000), instance_id: 'dead' });
    expect((await readInstances(redis, 'saju-cube')).map((found) => found.instance_id)).toEqual(['alive']);
    expect((await redis.hkeys(key)).sort()).toEqual(['ahead', 'alive', 'late']);
  });

  test('that is nonsense is passed over and removed', async () => {
    const registration = registerInstance(redis, instance, fast);
    await registration.setState('ready');
    const right = { ...instance, state: 'ready', heartbeat_at: Date.now() };
    for (const [place, entry] of [
      '',
      '{',
      'null',
      '7',
      '[]',
      {},
      { ...right, url: 'nowhere' },
      { ...right, url: 7 },
      { ...right, url: 'file:///nowhere' },
      { ...right, url: 'ftp://127.0.0.1:8001' },
      { ...right, state: 'asleep' },
      { ...right, heartbeat_at: 'now' },
      { ...right, started_at: 1e300 },
      { ...right, version: null },
    ].entries())
      await put(`wrong-${place}`, entry);
    expect(await statesNow()).toEqual(['ready']);
    expect(await redis.hkeys(key)).toEqual(['one']);
    await registration.close();
  });
});

describe('an instance is accepted', () => {
  const [former, current] = ['a former secret, thirty-two bytes or more', 'a secret of now, thirty-two bytes or more'];
  let told: string[];
  const readBy = async (cubeId: string, secrets: { current: string; previous?: string }) => {
    const { admits } = admittedInstances([], { cube: secrets }, (sentence) => told.push(sentence));
    return (await readAdmitted(redis, cubeId, admits)).map(({ instance_id }) => instance_id);
  };
  const now = async () => Number((await redis.time())[0]) * 1000;
  const signed = (secret: string, fields: NewInstance & { heartbeat_at: number }) => ({
    ...fields,
    signature: signEntry(secret, { ...fields }),
  });
  const put = (place: string, entry: object, cubeId = 'saju-cube') =>
    redis.hset(`cubeshift:instances:${cubeId}`, place, JSON.stringify(entry));
  beforeEach(() => {
    told = [];
  });

  test('when the current secret signs it, or the previous one while that is valid', async () => {
    for (const [id, secret] of Object.entries({ new: current, old: former }))
      await put(id, signed(secret, { ...instance, instance_id: id, heartbeat_at: await now() }));
    expect(await readBy('saju-cube', { current, previous: former })).toEqual(['new', 'old']);
    expect(told).toEqual([]);
    expect(await readBy('saju-cube', { current })).toEqual(['new']);
    expect(await readBy('saju-cube', { current: former })).toEqual(['old']);
    expect(await readBy('saju-cube', { current: '', previous: '' })).toEqual([]);
  });

  test('as it registers itself, at each beat, with the secret as it is then', async () => {
    let secret = former;
    const registration = register(redis, instance, { secret: () => secret, everyMillis: 50 });
    await expect.poll(() => readBy('saju-cube', { current: former })).toEqual(['one']);
    secret = current;
    await expect.poll(() => readBy('saju-cube', { current })).toEqual(['one']);
    await registration.setState('ready');
    expect(await readBy('saju-cube', { current })).toEqual(['one']);
    await registration.close();
  });

  test('and no entry counts in which anything was changed, added or left out, nor in another’s place', async () => {
    const right = signed(current, { ...instance, state: 'ready', heartbeat_at: await now() });
    const changed = Object.entries(right).map(([name, value]) => ({
      ...right,
      [name]: typeof value === 'number' ? value + 1 : name === 'state' ? 'draining' : `${value}0`,
    }));
    const without = Object.keys(right).map((name) => ({ ...right, [name]: undefined }));
    const { signature, ...unsigned } = right;
    const wrong = [
      ...changed,
      ...without,
      unsigned,
      { ...right, more: 'of it' },
      { ...right, more: null },
      { ...right, signature: null },
      { ...right, signature: signature.toUpperCase() },
      { ...right, signature: signEntry(former, unsigned) },
      { ...unsigned, url: 'http://127.0.0.1:666', signature },
      // Parts that run into each other when they are put in a row.
      { ...right, instance_id: 'one3', url: right.url.slice(1) },
    ];
    for (const entry of wrong) {
      await redis.flushall();
      await put('one', entry);
      expect(await readBy('saju-cube', { current }), JSON.stringify(entry)).toEqual([]);
    }
    await put('two', right);
    await put('one', right, 'ai-cube');
    expect([await readBy('saju-cube', { current }), await readBy('ai-cube', { current })]).toEqual([[], []]);
    await put('one', right);
    expect(await readBy('saju-cube', { current })).toEqual(['one']);
  });

  test('and one that is gone does not live on in a copy of its entry', async () => {
    const old = { ...instance, heartbeat_at: (await now()) - 6000 };
    await put('one', { ...signed(current, old), heartbeat_at: await now() });
    expect(await readBy('saju-cube', { current })).toEqual([]);
    await put('one', signed(current, old));
    expect(await readBy('saju-cube', { current })).toEqual([]);
  });

  test('and each other one raises one alarm', async () => {
    const { admits } = admittedInstances([], { cube: { current } }, (sentence) => told.push(sentence));
    await put('one', { ...instance, heartbeat_at: await now() });
    for (let look = 0; look < 3; look++) await readAdmitted(redis, 'saju-cube', admits);
    expect(told).toEqual([
      'Instance one of saju-cube is ignored: its entry in Redis bears no signature of this house.',
    ]);
  });

  test('by a signature that another program can make', () => {
    expect(signEntry('s'.repeat(32), { b: 'é', a: 7 })).toBe(
      createHmac('sha256', createHmac('sha256', 's'.repeat(32)).update('cubeshift registry of instances').digest())
        .update('1:a,1:7,1:b,2:é,')
        .digest('hex'),
    );
  });
});

test('the active version is what was set last, null before', async () => {
  expect(await readActiveVersion(redis, 'saju-cube')).toBeNull();
  await setActiveVersion(redis, 'saju-cube', '1.0.0');
  await setActiveVersion(redis, 'saju-cube', '1.1.0');
  expect(await readActiveVersion(redis, 'saju-cube')).toBe('1.1.0');
  expect(await readActiveVersion(redis, 'ai-cube')).toBeNull();
});

describe('which secrets a program knows', () => {
  test('is reported each second until its end, and for a minute after its last report', async () => {
    const known = ['one'];
    const ends = [reportSecrets(redis, 'b/1', () => known, fast), reportSecrets(redis, 'a', () => ['x', 'y'], fast)];
    const seen = async () =>
      (await readSecretsReports(redis)).map(({ program, fingerprints }) => [program, fingerprints]);
    await expect.poll(seen).toEqual([
      ['a', ['x', 'y']],
      ['b/1', ['one']],
    ]);
    known.splice(0, 1, 'two', 'one');
    await expect.poll(seen).toContainEqual(['b/1', ['two', 'one']]);
    await redis.flushall();
    await expect.poll(seen).toHaveLength(2);
    const [now = 0] = await redis.time();
    const entries = { silent: 59, gone: 62 };
    for (const [program, age] of Object.entries(entries))
      await redis.hset('cubeshift:known-secrets', program, JSON.stringify({ fingerprints: [], at: String(now - age) }));
    for (const nonsense of ['', '{', '[]', 'null', '{"fingerprints":7,"at":"1"}'])
      await redis.hset('cubeshift:known-secrets', `nonsense ${nonsense}`, nonsense);
    expect(await seen()).toEqual([
      ['a', ['x', 'y']],
      ['b/1', ['two', 'one']],
      ['silent', []],
    ]);
    await Promise.all(ends.map((end) => end()));
    expect(await seen()).toEqual([['silent', []]]);
  });
});
