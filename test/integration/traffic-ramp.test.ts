import { Client } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type RampView, rampWorkflowId } from '../../src/domain/traffic/ramp/ramp.js';
import { readAudit } from '../../src/postgres/audit.js';
import type { RedisConnection } from '../../src/redis/connection.js';
import type { Registration } from '../../src/registry/instances.js';
import { until } from '../support/conditions.js';
import type { TestDatabases } from '../support/databases.js';
import type { Engine } from '../support/engine.js';
import { RampStack } from '../support/ramp-stack.js';
import { SeriesServer } from '../support/series-server.js';

/** Ramps as they run in operation: control API, worker, Temporal and Redis; gateways are servers that tell their series. */
let stack: RampStack;
let databases: TestDatabases;
let redis: RedisConnection;
let engine: Engine;
let gateways: readonly SeriesServer[];
let cube: Registration;

const quick = {
  steps: [5, 50, 100],
  interval_seconds: 1,
  check_interval_seconds: 1,
  minimums: { requests: 20, users: 5 },
  slow_seconds: 5,
};

beforeAll(async () => {
  stack = await RampStack.start({ apart: ['worker-control'] });
  ({ databases, redis, engine } = stack);
});
beforeEach(async () => {
  await stack.openForNobody();
  gateways = await Promise.all([SeriesServer.start(redis, 'gateway-1'), SeriesServer.start(redis, 'gateway-2')]);
  cube = stack.registerCube();
});
afterEach(async () => {
  const view = await look();
  if (view.actions?.length > 0) await call('DELETE', '/ramp');
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await cube.close();
});
afterAll(() => stack.stop());

async function call(method: string, path: string, body?: unknown) {
  const { status, body: answer } = await engine.call(method, `/v1/traffic/saju${path}`, body);
  return { status, view: answer as RampView & { type: string; detail: string; field?: string } };
}

async function look(): Promise<RampView> {
  return (await call('GET', '/ramp')).view;
}

async function begin(more: object = {}): Promise<void> {
  const { status, view } = await call('POST', '/ramp', { ...quick, ...more });
  expect([status, view.detail]).toEqual([202, undefined]);
}

function waitFor(what: string, fits: (view: RampView) => boolean): Promise<RampView> {
  let last: RampView | undefined;
  const lookForIt = async () => {
    last = await look();
    return fits(last) && last;
  };
  return until(`the ramp to be ${what}`, lookForIt, 25_000).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${last?.status}: ${last?.sentence}`);
  });
}

const weightNow = async () => Number(await redis.get('saju_cube_user_percentage'));

test('a ramp goes up to its target with proof, and the audit records each step', async () => {
  await begin();
  const view = await waitFor('completed', ({ status }) => status === 'completed');
  expect(view).toMatchObject({ percentage: 100, target_percentage: 100, rollbacks: [], started_by: 'test' });
  expect(view.lowered).toContain('requests at a step 20 (usually 200)');
  expect(await weightNow()).toBe(100);
  const acts = [...(await readAudit(databases.cube, { before: '9223372036854775807', limit: 10 }))].reverse();
  expect(acts.map(({ actor, action }) => `${actor} ${action}`)).toEqual([
    'test ramp.start',
    ...Array(3).fill('ramp/saju ramp.advance'),
  ]);
  expect(acts.at(-1)?.details).toMatchObject({ from: 50, to: 100 });
  await redis.set('saju_cube_user_percentage', '0');
  expect(await look()).toMatchObject({
    status: 'completed',
    percentage: 0,
    sentence: expect.stringMatching(
      / The weight is 0 % now\. It was changed outside of the engine since the ramp saw it last\.$/,
    ),
  });
});

test('each answer has the weight that is in Redis, whatever the ramp read at its last check', async () => {
  await begin({ interval_seconds: 600, check_interval_seconds: 600 });
  await redis.set('saju_cube_user_percentage', '60');
  const sentence = expect.stringMatching(/ The weight is 60 % now\.$/);
  await until('the first look', async () => (await look()).checks === 1);
  expect(await look()).toMatchObject({ percentage: 60, weight: { enabled: true, percentage: 60 } });
  await redis.set('saju_cube_user_percentage', '60');
  expect((await call('POST', '/ramp/pause')).view).toMatchObject({ status: 'paused', percentage: 60 });
  await redis.set('saju_cube_user_percentage', '45');
  expect((await call('DELETE', '/ramp')).view).toMatchObject({
    status: 'stopped',
    percentage: 45,
    sentence: expect.stringMatching(
      /^test stopped it; the weight stays as it is\. The weight is 45 % now\. It was changed outside/,
    ),
  });
  await redis.set('saju_cube_user_percentage', '60');
  expect(await look()).toMatchObject({ status: 'stopped', percentage: 60, sentence });
});

test('a bad cube is left within seconds of its first bad answer', async () => {
  await begin({ interval_seconds: 600 });
  await waitFor('at 5 %', ({ percentage, checks }) => percentage === 5 && checks > 3);
  for (const gateway of gateways) gateway.cube = (users) => ({ users, failedUsers: Math.ceil(users / 5) });
  await until('nobody to be on the cube', async () => (await weightNow()) === 0);
  const first = Math.min(...gateways.map(({ firstFailure }) => firstFailure ?? Number.POSITIVE_INFINITY));
  const millis = Math.round(performance.now() - first);
  process.stdout.write(`from the first bad answer to 100 % legacy: ${millis} ms, looking every second\n`);
  expect(millis).toBeLessThan(6000);
  const view = await waitFor('holding off', ({ status }) => status === 'holding_off');
  expect(view).toMatchObject({ percentage: 0, verdict: 'back', reason: 'more_errors' });
  expect(view.sentence).toMatch(/^Went back from 5 % to 0 %: .*It starts again in 15 min\.$/);
});

test('a second ramp of the cube is refused; steering that does not fit too, with what does', async () => {
  await begin({ interval_seconds: 600 });
  const second = await call('POST', '/ramp', quick);
  expect([second.status, second.view.detail]).toEqual([409, 'A ramp of saju is under way.']);
  const unfit = await call('POST', '/ramp/resume');
  expect(unfit.status).toBe(409);
  expect(unfit.view).toMatchObject({ type: 'not_at_this_stage', actions: ['pause', 'set', 'stop', 'alarm'] });
  expect((await call('POST', '/ramp/pause')).view).toMatchObject({ status: 'paused' });
  expect((await call('POST', '/ramp/set', { percentage: 20 })).view).toMatchObject({
    status: 'paused',
    percentage: 20,
  });
  expect(await weightNow()).toBe(20);
  expect((await call('POST', '/ramp/alarm', { why: 'Wrong answers.' })).view).toMatchObject({ percentage: 0 });
  expect((await call('DELETE', '/ramp')).view).toMatchObject({ status: 'stopped', actions: [] });
  expect((await call('POST', '/ramp/pause')).status).toBe(409);
});

test.each([
  [{ target_percentage: 0 }, 'body.target_percentage'],
  [{ steps: [5, 5] }, 'body.steps'],
  [{ steps: [50], target_percentage: 20 }, 'body.steps'],
  [{ step: 5, steps: [5] }, 'body.steps'],
  [{ check_interval_seconds: 0 }, 'body.check_interval_seconds'],
  [{ minimums: { requests: 0 } }, 'body.minimums.requests'],
  [{ unknown: 1 }, 'body.unknown'],
])('a wrong start %j is refused naming its field', async (body, field) => {
  const { status, view } = await call('POST', '/ramp', body);
  expect([status, view.field]).toEqual([400, field]);
});

test('a worker killed in the middle goes on where it was, and time without it does not count', async () => {
  await begin({ interval_seconds: 4 });
  await waitFor('at 5 %', ({ percentage }) => percentage === 5);
  const { checks } = await look();
  await engine.kill('worker-control');
  const until2 = Date.now() + 9000;
  const seen: number[] = [];
  await until('a while to pass', async () => {
    seen.push(await weightNow());
    return Date.now() > until2;
  });
  expect(new Set(seen)).toEqual(new Set([5]));
  engine.startProgram('worker-control');
  const again = await waitFor('looking again', (view) => view.checks > checks);
  expect(again.evidence.step_watched_seconds).toBeLessThan(9);
  expect((await waitFor('completed', ({ status }) => status === 'completed')).rollbacks).toEqual([]);
});

test('a ramp is shown from its start on, and as stopped once a person has ended its plan in Temporal', async () => {
  await engine.kill('worker-control');
  try {
    await begin();
    expect(await look()).toMatchObject({ status: 'ramping', checks: 0 });
  } finally {
    engine.startProgram('worker-control');
  }
  await waitFor('at its first step', ({ checks }) => checks > 0);
  const { workflow } = new Client({ connection: await engine.temporal(), namespace: engine.namespace });
  await workflow.getHandle(rampWorkflowId('saju')).terminate();
  expect(await look()).toMatchObject({ status: 'stopped', reason: 'ended_in_temporal', actions: [] });
  expect((await call('POST', '/ramp/pause')).status).toBe(409);
});

test('of two control workers that share a ramp one is killed: the other goes on, and each step is made once', async () => {
  const revision = async () => Number(await redis.get('cubeshift:traffic:saju:revision'));
  engine.startProgram('worker-control-2');
  await until('it to work', () => engine.logOf('worker-control-2').includes('"state":"RUNNING"'));
  const before = await revision();
  await begin({ interval_seconds: 2 });
  await waitFor('at 5 %', ({ percentage }) => percentage === 5);
  await engine.kill('worker-control');
  expect(await waitFor('completed', ({ status }) => status === 'completed')).toMatchObject({ rollbacks: [] });
  expect([await weightNow(), await revision()]).toEqual([100, before + 3]);
  engine.startProgram('worker-control');
  await engine.kill('worker-control-2');
});

test('a weight that another program sets in Redis is noticed and left as it is', async () => {
  await begin({ interval_seconds: 600 });
  await waitFor('at 5 %', ({ percentage }) => percentage === 5);
  await redis.set('saju_cube_user_percentage', '30');
  const view = await waitFor('waiting', ({ status }) => status === 'waiting');
  expect(view.sentence).toBe(
    'Somebody set the weight to 30 %, the ramp had set 5 %; it holds until it is resumed or stopped.',
  );
  expect(await weightNow()).toBe(30);
});

test('gateways that fall silent, and a cube without a ready instance, hold it or send it back', async () => {
  await begin({ interval_seconds: 600 });
  await waitFor('at 5 %', ({ percentage }) => percentage === 5);
  const [silent] = gateways;
  if (silent !== undefined) silent.answers = false;
  const view = await waitFor('without metrics', ({ reason }) => reason === 'metrics_missing');
  expect(view.sentence).toContain('Gateway gateway-1 does not report its metrics.');
  if (silent !== undefined) silent.answers = true;
  await waitFor('at ease', ({ reason }) => reason === 'time_not_passed');
  await cube.setState('draining');
  expect(await waitFor('back', ({ rollbacks }) => rollbacks.length === 1)).toMatchObject({ reason: 'not_ready' });
  expect(await weightNow()).toBe(0);
});

test('a ramp of a cube that cannot write does not begin, and one that loses its grant moves no more users', async () => {
  stack.cube.refusal = 'The legacy database refuses it: permission denied.';
  const { status, view } = await call('POST', '/ramp', quick);
  expect([status, view.detail]).toEqual([
    409,
    "The ramp does not begin: saju-1 cannot write where its users' writes go: The legacy database refuses it: permission denied.",
  ]);
  stack.cube.refusal = null;
  await begin();
  await waitFor('at 5 %', ({ percentage }) => percentage === 5);
  stack.cube.refusal = 'Revoked.';
  expect(await waitFor('holding', ({ reason }) => reason === 'cannot_write')).toMatchObject({
    percentage: 5,
    sentence: "No more users are moved to the cube: saju-1 cannot write where its users' writes go: Revoked.",
  });
  stack.cube.refusal = null;
  await waitFor('completed', ({ status }) => status === 'completed');
});
