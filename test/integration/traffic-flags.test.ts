import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { trafficNames } from '../../src/domain/cubes.js';
import { initialFlags } from '../../src/domain/traffic/routing.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { bytesOfText } from '../../src/traffic/bucket.js';
import { createFlagWatcher, type FlagWatcher } from '../../src/traffic/flag-watcher.js';
import { readFlags, writeFlags } from '../../src/traffic/flags.js';
import { until } from '../support/conditions.js';
import { OwnRedis } from '../support/own-redis.js';

const terms = { by: 'tests', why: 'to see' };
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-flags-'));
const watchers: FlagWatcher[] = [];
const connections: RedisConnection[] = [];
let server: OwnRedis;
let place: string;
let redis: RedisConnection;

beforeAll(async () => {
  server = await OwnRedis.start();
});
beforeEach(async () => {
  place = mkdtempSync(join(folder, 'state-'));
  redis = await connection();
  await redis.flushall();
});
afterEach(async () => {
  await Promise.all(watchers.splice(0).map((watcher) => watcher.close()));
  for (const one of connections.splice(0)) one.disconnect();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function connection(url = server.url, commandMillis = 300): Promise<RedisConnection> {
  const made = connectRedis(url, { onError: () => undefined, commandMillis });
  connections.push(made);
  await until('a connection', () => made.status === 'ready' || made.status === 'reconnecting');
  return made;
}

async function watch({
  by = redis,
  state = place,
  instanceId = 'gateway',
  clock = () => new Date(),
} = {}): Promise<FlagWatcher & { readonly told: string[] }> {
  const told: string[] = [];
  const watcher = createFlagWatcher({
    redis: by,
    names: trafficNames,
    instanceId,
    snapshotFile: join(state, 'flags.json'),
    killSwitchFolder: join(state, 'kill-switch'),
    onAlarm: (sentence) => told.push(sentence),
    clock,
  });
  watchers.push(watcher);
  await watcher.start();
  return Object.assign(watcher, { told });
}

/** What another program does that knows no library of ours: plain commands over a socket. */
function plain(...commands: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () =>
      socket.write(`${commands.join('\r\n')}\r\nQUIT\r\n`),
    );
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('utf8');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

test('a gateway reports the revision that it uses, at each change and before the report expires', async () => {
  let now = Date.now();
  await watch({ instanceId: 'telling', clock: () => new Date(now) });
  const key = 'cubeshift:traffic:saju:seen:telling';
  const says = async () => Number(await redis.get(key));
  await writeFlags(redis, 'saju', { percentage: 5 }, terms);
  const { revision } = await readFlags(redis, 'saju');
  await until('it to say so', async () => (await says()) === revision);
  await redis.del(key);
  now += 1_800_000;
  await until('it to say so again', async () => (await says()) === revision);
});

test('a plain SET by another program takes effect within a second, and a plain GET reads what we set', async () => {
  const watcher = await watch();
  expect(watcher.flagsOf('saju')).toEqual(initialFlags);
  const set = performance.now();
  await plain('SET saju_cube_user_percentage 37', 'SET ai_cube_enabled false');
  await until('the new percentage', () => watcher.flagsOf('saju').percentage === 37 && !watcher.flagsOf('ai').enabled);
  expect(performance.now() - set).toBeLessThan(1000);
  await writeFlags(redis, 'saju', { percentage: 41, enabled: false }, terms);
  expect(await plain('GET saju_cube_user_percentage', 'GET saju_cube_enabled')).toContain(
    '$2\r\n41\r\n$5\r\nfalse\r\n',
  );
  await until('our percentage', () => watcher.flagsOf('saju').percentage === 41);
  expect(watcher.state()).toMatchObject({ source: 'redis', alarms: [] });
});

test('only exactly "false" closes a cube', async () => {
  const watcher = await watch();
  await writeFlags(redis, 'ai', { percentage: 1 }, terms);
  for (const text of ['False', 'FALSE', '0', 'no', '', ' false', 'true']) {
    await redis.set('saju_cube_enabled', text);
    await writeFlags(redis, 'ai', { percentage: 1 + (watcher.flagsOf('ai').percentage % 90) }, terms);
    const { percentage } = await readFlags(redis, 'ai');
    await until('a look', () => watcher.flagsOf('ai').percentage === percentage);
    expect([text, watcher.flagsOf('saju').enabled]).toEqual([text, true]);
  }
});

test.each(['', '5%', '-1', '101', 'NaN', '5.5', ' 7'])(
  '%j in Redis raises one alarm and leaves the last valid percentage',
  async (bad) => {
    const watcher = await watch();
    await writeFlags(redis, 'saju', { percentage: 12 }, terms);
    await until('the good one', () => watcher.flagsOf('saju').percentage === 12);
    await redis.set('saju_cube_user_percentage', bad);
    await until('the alarm', () => watcher.told.length > 0);
    await redis.set('ai_cube_user_percentage', '3');
    await until('a later look', () => watcher.flagsOf('ai').percentage === 3);
    expect(watcher.flagsOf('saju').percentage).toBe(12);
    expect(watcher.told).toEqual([
      'saju_cube_user_percentage is not a whole number from 0 to 100; the last good one stays.',
    ]);
    expect(watcher.state().alarms).toEqual(watcher.told);
    expect(await readFlags(redis, 'saju')).toMatchObject({ percentage: null, enabled: true });
    await redis.del('saju_cube_user_percentage');
    await until('absent to be 0', () => watcher.flagsOf('saju').percentage === 0);
    expect(watcher.state().alarms).toEqual([]);
  },
);

test('keys of another type and invalid lists leave the last valid values', async () => {
  const watcher = await watch();
  await writeFlags(redis, 'saju', { percentage: 9, allow: ['사용자-1'], deny: ['alice'] }, terms);
  await until('the lists', () => watcher.flagsOf('saju').allow.has(bytesOfText('사용자-1')));
  await redis.del('saju_cube_user_percentage');
  await redis.rpush('saju_cube_user_percentage', '50');
  await redis.set('cubeshift:traffic:saju:lists', '{"allow":[7]}');
  await until('both alarms', () => watcher.state().alarms.length === 2);
  expect(watcher.flagsOf('saju').percentage).toBe(9);
  expect(watcher.flagsOf('saju').deny).toEqual(new Set([bytesOfText('alice')]));
  // Through us it is mended in one step.
  const written = await writeFlags(redis, 'saju', { percentage: 10, allow: [], deny: [] }, terms);
  expect(written).toMatchObject({ revision: 2, before: { percentage: null, lists: null }, after: { percentage: 10 } });
  await until('the mended flags', () => watcher.state().alarms.length === 0);
});

test('Redis killed: the last flags stay, with an alarm, and changes take effect when it is back', async () => {
  const watcher = await watch();
  await writeFlags(redis, 'saju', { percentage: 25 }, terms);
  await until('the flags', () => watcher.flagsOf('saju').percentage === 25);
  await server.kill();
  await until('the alarm', () => watcher.state().alarms.length === 1);
  expect(watcher.flagsOf('saju').percentage).toBe(25);
  await until('staleness', () => watcher.state().staleForMillis > 500);
  await server.revive();
  await plain('SET saju_cube_user_percentage 30');
  await until('the flags of the new server', () => watcher.flagsOf('saju').percentage === 30);
  expect(watcher.state().alarms).toEqual([]);
  expect(watcher.told).toHaveLength(1);
});

test('Redis frozen: nothing waits for it, the last flags stay', async () => {
  const watcher = await watch();
  await writeFlags(redis, 'saju', { percentage: 25 }, terms);
  await until('the flags', () => watcher.flagsOf('saju').percentage === 25);
  server.signal('SIGSTOP');
  try {
    await until('the alarm', () => watcher.state().alarms.length === 1);
    // A plain function: it has no way to wait for anybody.
    expect(watcher.flagsOf('saju').percentage).toBe(25);
    await expect(readFlags(redis, 'saju')).rejects.toMatchObject({ type: 'redis_unreachable' });
    const late = await watch({ by: await connection() });
    expect(late.flagsOf('saju').percentage).toBe(25);
    expect(late.state().source).toBe('disk');
  } finally {
    server.signal('SIGCONT');
  }
  await plain('SET saju_cube_user_percentage 26');
  await until('the flags again', () => watcher.flagsOf('saju').percentage === 26);
});

test('Redis flushed: absent keys mean no user is on the cube, as the contract says', async () => {
  const watcher = await watch();
  await writeFlags(redis, 'saju', { percentage: 25, enabled: false }, terms);
  await until('the flags', () => watcher.flagsOf('saju').percentage === 25);
  await redis.flushall();
  await until('the defaults', () => watcher.flagsOf('saju').percentage === 0);
  expect(watcher.flagsOf('saju')).toEqual(initialFlags);
});

test('a Redis that forbids notifications and scripts of others costs nothing but speed', async () => {
  await redis.acl(
    'SETUSER',
    'poller',
    'on',
    '>pw',
    '~*',
    'resetchannels',
    '-@all',
    '+@connection',
    '+get',
    '+multi',
    '+exec',
    '+info',
  );
  const poor = await connection(`redis://poller:pw@127.0.0.1:${new URL(server.url).port}`);
  const watcher = await watch({ by: poor });
  const set = performance.now();
  await writeFlags(redis, 'saju', { percentage: 77 }, terms);
  await until('the flags', () => watcher.flagsOf('saju').percentage === 77);
  expect(performance.now() - set).toBeLessThan(1000);
  expect(watcher.state().alarms).toEqual([]);
});

test('a start without Redis uses the saved flags, otherwise legacy for all users', async () => {
  const first = await watch();
  await writeFlags(redis, 'saju', { percentage: 25, allow: ['alice'], deny: [] }, terms);
  const file = join(place, 'flags.json');
  await until('the snapshot', () => existsSync(file) && readFileSync(file, 'utf8').includes('alice'));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(first.flagsOf('saju').percentage).toBe(25);

  const nowhere = await connection('redis://127.0.0.1:1');
  const again = await watch({ by: nowhere });
  expect(again.flagsOf('saju')).toMatchObject({ percentage: 25, allow: new Set(['alice']) });
  expect(again.state()).toMatchObject({ source: 'disk', alarms: [expect.stringContaining('Redis')] });

  const elsewhere = await watch({ by: nowhere, state: mkdtempSync(join(folder, 'empty-')) });
  expect(elsewhere.flagsOf('saju')).toEqual(initialFlags);
  expect(elsewhere.state().source).toBe('default');
});

test.each(['', '{', '[]', '{"flags":{"saju":7}}', '{"flags":{"saju":{"percentage":"101"}}}'])(
  'a snapshot that is %j sends nobody to the cube and stops no start',
  async (damaged) => {
    writeFileSync(join(place, 'flags.json'), damaged);
    const watcher = await watch({ by: await connection('redis://127.0.0.1:1') });
    expect(watcher.flagsOf('saju')).toEqual(initialFlags);
  },
);

test('a disk that cannot be written raises an alarm and stops nothing', async () => {
  const file = join(place, 'file');
  writeFileSync(file, '');
  const watcher = await watch({ state: file });
  await writeFlags(redis, 'saju', { percentage: 5 }, terms);
  await until('the flags', () => watcher.flagsOf('saju').percentage === 5);
  await until('the alarm', () => watcher.told.some((sentence) => sentence.includes('kept on disk')));
});

test('the kill switch works with and without Redis, for one cube and for all', async () => {
  const watcher = await watch();
  const file = (name: string) => join(place, 'kill-switch', name);
  mkdirSync(join(place, 'kill-switch'));
  writeFileSync(file('saju'), '');
  await until('saju to be switched off', () => watcher.killed('saju'));
  expect(watcher.killed('ai')).toBe(false);
  rmSync(file('saju'));
  await until('saju to be on again', () => !watcher.killed('saju'));

  const nowhere = await watch({ by: await connection('redis://127.0.0.1:1') });
  expect(nowhere.killed('ai')).toBe(false);
  writeFileSync(file('all'), '');
  await until('all to be switched off', () => nowhere.killed('ai') && nowhere.killed('saju'));
  writeFileSync(file('saju-cube'), '');
  await until('the misspelt one to be told', () => watcher.told.some((sentence) => sentence.includes('no cube')));
});

test('of many writers with the same condition exactly one wins, and the revision counts the winners', async () => {
  const others = await Promise.all([connection(), connection(), connection()]);
  for (let from = 0; from < 20; from++) {
    const answers = await Promise.all(
      others.flatMap((one) =>
        [0, 1].map(() => writeFlags(one, 'saju', { percentage: from + 1 }, { ...terms, onlyIfPercentage: from })),
      ),
    );
    expect(answers.filter((answer) => 'revision' in answer)).toMatchObject([{ revision: from + 1 }]);
    expect(answers.filter((answer) => 'conflict' in answer)).toHaveLength(5);
  }
  expect(await readFlags(redis, 'saju')).toMatchObject({
    percentage: 20,
    revision: 20,
    changed: { ...terms, percentage: 20, enabled: true, revision: 20 },
  });
});

test('a change with a revision is made only at that revision, whatever its key holds', async () => {
  const at = (onlyIfRevision: number) => writeFlags(redis, 'saju', { percentage: 30 }, { ...terms, onlyIfRevision });
  expect(await at(0)).toMatchObject({ revision: 1 });
  await writeFlags(redis, 'saju', { percentage: 0 }, terms);
  expect(await at(1)).toMatchObject({ conflict: { percentage: 0, revision: 2 } });
  expect((await readFlags(redis, 'saju')).percentage).toBe(0);
  expect(await at(2)).toMatchObject({ revision: 3 });
  for (const text of ['none', '0x10', '1e3', '']) {
    await redis.set('cubeshift:traffic:saju:revision', text);
    expect(await at(1)).toMatchObject({ conflict: { revision: 0 } });
    expect(await at((await readFlags(redis, 'saju')).revision)).toMatchObject({ revision: 1 });
  }
});

test('a change with a fence is made once, whatever others change, and whatever its key holds', async () => {
  const back = (sequence: number, holderId = 'ramp/saju/1') =>
    writeFlags(redis, 'saju', { percentage: 0 }, { ...terms, fence: { holderId, sequence } });
  const raise = () => writeFlags(redis, 'saju', { percentage: 60 }, terms);
  await raise();
  expect(await back(2)).toMatchObject({ after: { percentage: 0 } });
  await raise();
  expect(await back(2)).toMatchObject({ conflict: { percentage: 60 } });
  expect(await back(1)).toMatchObject({ conflict: { percentage: 60 } });
  expect(await back(3)).toMatchObject({ after: { percentage: 0 } });
  await raise();
  expect(await back(1, 'ramp/saju/2')).toMatchObject({ after: { percentage: 0 } });
  for (const spoil of [
    () => redis.set('cubeshift:turn:ramp/saju/1', 'x'),
    () => redis.del('cubeshift:turn:ramp/saju/1'),
  ]) {
    await spoil();
    await raise();
    expect(await back(3)).toMatchObject({ after: { percentage: 0 } });
  }
  await redis.del('cubeshift:turn:ramp/saju/1');
  await redis.sadd('cubeshift:turn:ramp/saju/1', 'of another type');
  expect(await back(3)).toMatchObject({ after: { percentage: 0 } });
  expect(await redis.ttl('cubeshift:turn:ramp/saju/1')).toBeGreaterThan(29 * 24 * 3600);
});

test('a change leaves other values, and an invalid percentage meets no condition', async () => {
  await writeFlags(redis, 'saju', { percentage: 5, enabled: false, allow: ['a"b\\c\u0000'], deny: [] }, terms);
  await writeFlags(redis, 'saju', { percentage: 6 }, terms);
  expect(await readFlags(redis, 'saju')).toMatchObject({
    enabled: false,
    percentage: 6,
    lists: { allow: ['a"b\\c\u0000'], deny: [] },
    revision: 2,
  });
  await redis.set('saju_cube_user_percentage', '6%');
  expect(await writeFlags(redis, 'saju', { percentage: 7 }, { ...terms, onlyIfPercentage: 6 })).toMatchObject({
    conflict: { percentage: null },
  });
});
