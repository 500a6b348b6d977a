import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RampView } from '../../src/domain/traffic/ramp/ramp.js';
import type { RedisConnection } from '../../src/redis/connection.js';
import type { Registration } from '../../src/registry/instances.js';
import { readFlags, writeFlags } from '../../src/traffic/flags.js';
import { runCommand, type Said, startCommand, type Variables } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { testSecret } from '../support/engine.js';
import { RampStack } from '../support/ramp-stack.js';
import { SeriesServer } from '../support/series-server.js';

/** `cubeshift traffic` against a control API, a worker, Temporal and Redis; the gateway is a server that tells its series. */
let stack: RampStack;
let redis: RedisConnection;
let gateway: SeriesServer;
let cube: Registration;
let variables: Variables;

beforeAll(async () => {
  stack = await RampStack.start();
  ({ redis } = stack);
  variables = {
    CONTROL_URL: stack.engine.url,
    CUBE_JWT_SECRET: testSecret,
    TEMPORAL_UI_URL: 'http://temporal.example',
    TEMPORAL_NAMESPACE: 'heal7',
  };
});
beforeEach(async () => {
  await stack.openForNobody();
  gateway = await SeriesServer.start(redis, 'gateway-1');
  cube = stack.registerCube();
});
afterEach(async () => {
  await cubeshift('stop', 'saju');
  await gateway.stop();
  await cube.close();
});
afterAll(() => stack.stop());

function cubeshift(...args: readonly string[]): Promise<Said> {
  return runCommand(['traffic', ...args], variables);
}

const quick = ['--check-interval', '1', '--min-requests', '20', '--min-users', '5', '--slow-seconds', '5'];
const percentageNow = async () => (await readFlags(redis, 'saju')).percentage;

async function statusNow(): Promise<RampView> {
  const { code, stdout, stderr } = await cubeshift('ramp', 'saju', '--status', '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

test('ramp --wait prints each sentence once while it goes up, and returns with 0 at its target', async () => {
  const args = ['ramp', 'saju', '--steps', '5,100', '--interval', '1', ...quick, '--wait'];
  const { code, stdout, stderr } = await cubeshift(...args);
  expect(code).toBe(0);
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toBe('saju: completed at 100 % of 100 %');
  expect(lines).toContain('less proof than usual: requests at a step 20 (usually 200)');
  expect(await percentageNow()).toBe(100);
  const told = stderr.trim().split('\n');
  expect(told.length).toBeGreaterThan(0);
  expect(told.filter((line, place) => line === told[place - 1])).toEqual([]);
});

test('ramp starts one and returns; --pause, --resume and --status steer it; stop leaves the weight', async () => {
  const begun = await cubeshift('ramp', 'saju', '--steps', '5', '--target', '50', '--interval', '600', ...quick);
  expect([begun.code, begun.stdout.split('\n')[0]]).toEqual([
    0,
    expect.stringMatching(/^saju: ramping at \d+ % of 50 %$/),
  ]);
  await until('the first step', async () => (await percentageNow()) === 5);
  const ramping = await statusNow();
  expect(ramping).toMatchObject({ status: 'ramping', percentage: 5, target_percentage: 50 });
  expect(ramping.run_id).toMatch(/^[\da-f-]{36}$/);
  expect(begun.stderr).toContain(
    `http://temporal.example/namespaces/heal7/workflows/ramp%2Fsaju/${ramping.run_id}/user-metadata\n`,
  );
  const second = await cubeshift('ramp', 'saju', ...quick);
  expect([second.code, second.stdout]).toEqual([4, '']);
  expect((await cubeshift('ramp', 'saju', '--pause')).code).toBe(0);
  await until('the pause', async () => (await statusNow()).status === 'paused');
  expect((await cubeshift('ramp', 'saju', '--pause')).code).toBe(4);
  expect((await cubeshift('ramp', 'saju', '--resume')).code).toBe(0);
  await until('going on', async () => (await statusNow()).status === 'ramping');
  const stopped = await cubeshift('stop', 'saju');
  expect([stopped.code, stopped.stderr]).toEqual([0, '']);
  await until('the end', async () => (await statusNow()).status === 'stopped');
  expect(await percentageNow()).toBe(5);
  const again = await cubeshift('stop', 'saju');
  expect([again.code, again.stdout]).toEqual([4, '']);
  const ending = await cubeshift('ramp', 'saju', '--steps', '10,20', '--interval', '600', ...quick);
  expect(ending.stdout.split('\n')[0]).toMatch(/^saju: ramping at \d+ % of 20 %$/);
});

test('ramp --wait returns with 1 when a person must decide: another caller set the weight', async () => {
  const { said } = startCommand(
    ['traffic', 'ramp', 'saju', '--steps', '5,50', '--interval', '600', ...quick, '--wait', '--json'],
    variables,
  );
  await until('the first step', async () => (await percentageNow()) === 5);
  await redis.set('saju_cube_user_percentage', '33');
  const { code, stdout } = await said;
  expect([code, JSON.parse(stdout)]).toMatchObject([1, { status: 'waiting' }]);
  expect(await percentageNow()).toBe(33);
});

test('a ramp below where the users are, beyond its target, or of what has no users is refused by its exit code', async () => {
  await writeFlags(redis, 'saju', { percentage: 50 }, { by: 'test', why: 'begin' });
  for (const [args, code] of [
    [['saju', '--target', '10'], 4],
    [['saju', '--target', '90', '--steps', '95'], 2],
    [['nothing'], 2],
    [['security-cube'], 2],
  ] as const) {
    const said = await cubeshift('ramp', ...args);
    expect([args, said.code, said.stdout]).toEqual([args, code, '']);
    expect(said.stderr.trim()).not.toBe('');
  }
  expect(await percentageNow()).toBe(50);
});

test('set gives users lists and takes them away', async () => {
  expect((await cubeshift('set', 'saju', '20', '--allow', 'alice', 'bob', '--deny', 'mallory')).code).toBe(0);
  const { stdout } = await cubeshift('get', 'saju');
  expect(stdout.split('\n').slice(0, 3)).toEqual([
    'saju: 20 % of users',
    'always on the cube: alice, bob',
    'never on the cube: mallory',
  ]);
  const refused = await cubeshift('set', 'saju', '--allow', '--deny', 'carol');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('A user is missing.')]);
  expect(JSON.parse((await cubeshift('get', 'saju', '--json')).stdout)).toMatchObject({
    allow: ['alice', 'bob'],
    deny: ['mallory'],
  });
  expect((await cubeshift('set', 'saju', '--allow', '', '--deny', '')).code).toBe(0);
  expect(JSON.parse((await cubeshift('get', 'saju', '--json')).stdout)).toMatchObject({ allow: [], deny: [] });
});
