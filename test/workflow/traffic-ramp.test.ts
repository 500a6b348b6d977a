import { WorkflowExecutionAlreadyStartedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { rampActions } from '../../src/domain/traffic/ramp/ramp.js';
import { usualSettings } from '../../src/domain/traffic/ramp/settings.js';
import { rampUpdate } from '../../src/workflows/lib/messages.js';
import { until } from '../support/conditions.js';
import { FakeTraffic } from './fake-traffic.js';
import { RampServer } from './ramp-server.js';

let server: RampServer;

beforeAll(() => RampServer.quiet());
// One for each test: time stands still on a server where a look outlived its plan, and the next test would wait for it.
beforeEach(async () => {
  server = await RampServer.start();
});
afterEach(() => server.stop());

/** A fifth of the cube's users meet an error, and hardly any of legacy's. */
function failing(traffic: FakeTraffic): void {
  traffic.traffic = (percentage) => ({
    cube: { users: percentage * 10, failedUsers: percentage * 2 },
    legacy: { users: 1000 - percentage * 10, failedUsers: 1 },
  });
}

test('a ramp of ten hours passes in a moment, an hour at each step at the least', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic, {
    steps: [10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
    settings: { ...usualSettings, check_interval_seconds: 600 },
  });
  const began = performance.now();
  const view = await ramp.end();
  const { startTime, closeTime } = await ramp.handle.describe();
  const hours = ((closeTime?.getTime() ?? 0) - startTime.getTime()) / 3_600_000;
  process.stdout.write(`ten hours of a ramp passed in ${Math.round(performance.now() - began)} ms\n`);
  expect(view).toMatchObject({ status: 'completed', percentage: 100, reason: 'target_reached', rollbacks: [] });
  expect(view.sentence).toMatch(/^The target is reached\. At 100 %/);
  expect(traffic.weights).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  expect(hours).toBeGreaterThanOrEqual(10);
  expect(hours).toBeLessThan(12);
  expect(traffic.comparisons).toBe(10);
});

test('more errors on the cube send everybody back by one write, and it starts again after 15, then 30 minutes, then never', async () => {
  const traffic = new FakeTraffic();
  failing(traffic);
  const ramp = await server.begin(traffic);
  const first = await ramp.flyTo('holding_off');
  expect(first).toMatchObject({ percentage: 0, verdict: 'back', reason: 'more_errors' });
  expect(first.sentence).toMatch(/^Went back from 10 % to 0 %: Users of the cube meet more errors .* 15 min\.$/);
  expect(traffic.changes.at(-1)).toMatchObject({ percentage: 0, by: 'ramp/saju' });
  expect(traffic.changes.at(-1)).not.toHaveProperty('onlyIf');
  const last = await ramp.flyTo('waiting');
  expect(last.sentence).toContain('It was the third time in a day');
  const [one = 0, two = 0, three = 0] = last.rollbacks.map(({ at }) => Date.parse(at) / 60_000);
  expect(two - one).toBeGreaterThanOrEqual(15);
  expect(three - two).toBeGreaterThanOrEqual(30);
  expect(traffic.weights).toEqual([10, 0, 10, 0, 10, 0]);
  await server.environment.sleep('10 hours');
  expect((await ramp.view()).status).toBe('waiting');
  traffic.traffic = new FakeTraffic().traffic;
  await ramp.ask('resume');
  expect((await ramp.end()).status).toBe('completed');
});

test('half of twenty requests failing is enough by itself, with no user on legacy to compare with', async () => {
  const traffic = new FakeTraffic();
  traffic.setByHand(100);
  const ramp = await server.begin(traffic, { steps: [100] });
  await ramp.fly('at 100 %', ({ percentage }) => percentage === 100);
  traffic.traffic = () => ({ cube: { users: 20, failedUsers: 10 }, legacy: { users: 0 } });
  expect(await ramp.flyTo('holding_off')).toMatchObject({ reason: 'errors_at_once', percentage: 0 });
  await ramp.stop();
});

test('a weight changed by hand is left as it is, reported, and taken over at a resume', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  traffic.setByHand(30, 'command-line');
  const noticed = await ramp.flyTo('waiting');
  expect(noticed).toMatchObject({ percentage: 30, verdict: 'hold', reason: 'changed_by_hand' });
  expect(noticed.sentence).toBe(
    'command-line set the weight to 30 %, the ramp had set 10 %; it holds until it is resumed or stopped.',
  );
  await server.environment.sleep('5 hours');
  expect(traffic.weights).toEqual([10]);
  await ramp.ask('resume');
  expect((await ramp.end()).status).toBe('completed');
  expect(traffic.weights).toEqual([10, 50, 100]);
});

test('a weight set back by hand lets the ramp go on; one set by hand is lowered when the cube is bad, and not raised again', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  traffic.setByHand(30);
  await ramp.flyTo('waiting');
  traffic.setByHand(10);
  await ramp.flyTo('ramping');
  traffic.setByHand(40);
  await ramp.flyTo('waiting');
  failing(traffic);
  const back = await ramp.fly('back', ({ rollbacks }) => rollbacks.length === 1);
  expect(back).toMatchObject({ status: 'waiting', rollbacks: [{ from_percentage: 40, reason: 'more_errors' }] });
  expect(back.sentence).toContain('A person had changed the weight, and decides whether to resume.');
  traffic.traffic = (percentage) => ({ cube: { users: percentage * 10 }, legacy: { users: 1000 - percentage * 10 } });
  await server.environment.sleep('2 hours');
  expect(traffic.percentage).toBe(0);
  await ramp.stop();
});

test('a cube closed by hand, or an invalid weight, is noticed too', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  traffic.enabled = false;
  expect((await ramp.flyTo('waiting')).sentence).toContain('closed the cube');
  traffic.enabled = true;
  await ramp.flyTo('ramping');
  traffic.setByHand(null);
  expect((await ramp.flyTo('waiting')).sentence).toContain('wrote an invalid weight');
  await ramp.stop();
});

test('a change by hand between look and step is not overwritten', async () => {
  const traffic = new FakeTraffic();
  traffic.beforeChange = async () => traffic.setByHand(25, 'ops');
  const ramp = await server.begin(traffic);
  expect((await ramp.flyTo('waiting')).sentence).toMatch(/^ops set the weight to 25 %/);
  expect(traffic.weights).toEqual([]);
  await ramp.stop();
});

test('paused it does not go on, and still goes back; what does not fit is refused with what does', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  expect(await ramp.ask('pause', { by: 'ops' })).toMatchObject({
    status: 'paused',
    sentence: expect.stringMatching(/^ops paused/),
  });
  await server.environment.sleep('3 hours');
  expect(traffic.weights).toEqual([10]);
  const refusal = await ramp.ask('pause').catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
  expect((refusal as WorkflowUpdateFailedError).cause).toMatchObject({
    type: 'not_at_this_stage',
    details: [{ actions: ['resume', 'set', 'stop', 'alarm'] }],
  });
  failing(traffic);
  const back = await ramp.fly('back', ({ rollbacks }) => rollbacks.length === 1);
  expect(back).toMatchObject({ status: 'paused', percentage: 0 });
  await ramp.stop();
});

test('set goes on from another weight, and refuses what is none', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  for (const percentage of [-1, 101, 5.5, Number.NaN])
    await expect(ramp.ask('set', { percentage })).rejects.toThrow(WorkflowUpdateFailedError);
  expect(await ramp.ask('set', { percentage: 60, by: 'ops' })).toMatchObject({ status: 'ramping', percentage: 60 });
  expect((await ramp.end()).status).toBe('completed');
  expect(traffic.changes.map(({ percentage, by }) => [percentage, by])).toEqual([
    [10, 'ramp/saju'],
    [60, 'ops'],
    [100, 'ramp/saju'],
  ]);
});

test('what was set and is tried again after the way back, by a worker that wakes up late, changes nothing', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  traffic.setByHand(10, 'ops');
  await ramp.ask('set', { percentage: 60, by: 'ops' });
  await ramp.ask('alarm', { by: 'watchdog', why: 'An answer went to another user.' });
  const [advanced, set] = traffic.changes;
  expect([advanced?.percentage, set?.percentage]).toEqual([10, 60]);
  for (const late of [advanced, set]) if (late !== undefined) await traffic.activities.setWeight(late);
  expect(traffic.percentage).toBe(0);
  await ramp.stop();
});

test('a way back is made whatever others set, and once: one that is tried again late leaves what was set since', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  traffic.setByHand(60, 'ops');
  await ramp.ask('alarm', { by: 'watchdog', why: 'An answer went to another user.' });
  expect(traffic.percentage).toBe(0);
  const first = traffic.changes.at(-1) ?? expect.fail('nothing was changed');
  await ramp.ask('resume', { by: 'ops' });
  await ramp.ask('set', { percentage: 30, by: 'ops' });
  await traffic.activities.setWeight(first);
  expect(traffic.percentage).toBe(30);
  await ramp.ask('alarm', { by: 'watchdog', why: 'It did so again.' });
  expect(traffic.percentage).toBe(0);
  await ramp.stop();
});

test('an alarm sends it back at once', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  const view = await ramp.ask('alarm', { by: 'watchdog', why: 'An answer went to another user.' });
  expect(view).toMatchObject({ status: 'holding_off', percentage: 0, reason: 'alarm' });
  expect(view.sentence).toContain('watchdog raised an alarm. An answer went to another user.');
  await ramp.stop();
});

test('while a command is pending the ramp accepts an alarm or a stop alone, which takes its place', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  let open: (() => void) | undefined;
  traffic.beforeChange = () => new Promise<void>((resolve) => (open = resolve));
  const set = (await ramp.submit('set', { percentage: 60 })).result();
  await until('the change to be under way', () => open !== undefined);
  const paused = (await ramp.submit('pause')).result();
  const overtaken = expect(paused).rejects.toMatchObject({ cause: { type: 'not_at_this_stage' } });
  await expect((await ramp.submit('set', { percentage: 70 })).result()).rejects.toMatchObject({
    cause: { message: expect.stringContaining('about to pause'), details: [{ actions: ['stop', 'alarm'] }] },
  });
  const stopped = (await ramp.submit('stop')).result();
  await overtaken;
  open?.();
  expect(await set).toMatchObject({ percentage: 60 });
  expect(await stopped).toMatchObject({ status: 'stopped' });
  expect(await ramp.end()).toMatchObject({ status: 'stopped', percentage: 60 });
  expect(traffic.percentage).toBe(60);
});

test('two ramps of one cube cannot run', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await expect(server.begin(traffic)).rejects.toThrow(WorkflowExecutionAlreadyStartedError);
  await ramp.stop();
});

test('without metrics it never starts, says so, and goes back when they stay away', async () => {
  const traffic = new FakeTraffic();
  traffic.missing = 'Gateway one does not report its metrics.';
  const ramp = await server.begin(traffic);
  const told = await ramp.fly('clear about it', ({ sentence }) => sentence.includes('time in a row'));
  expect(told).toMatchObject({ verdict: 'hold', reason: 'metrics_missing', percentage: 0 });
  traffic.missing = null;
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  traffic.missing = 'Gateway one does not report its metrics.';
  const back = await ramp.flyTo('holding_off');
  expect(back).toMatchObject({ reason: 'metrics_missing', percentage: 0 });
  await ramp.stop();
});

test('little traffic gets a verdict of its own that says how much is lacking', async () => {
  const traffic = new FakeTraffic();
  traffic.traffic = () => ({ cube: { users: 1 }, legacy: { users: 9 } });
  const ramp = await server.begin(traffic);
  const view = await ramp.fly('short of evidence', ({ verdict }) => verdict === 'not_enough_evidence');
  expect(view.sentence).toMatch(/^Not enough evidence at 10 %: \d+ requests of the cube, about \d+ more are needed\.$/);
  expect(traffic.weights).toEqual([10]);
  traffic.traffic = new FakeTraffic().traffic;
  traffic.latencies = { ...(traffic.latencies as object), cubeUsers: 3 } as typeof traffic.latencies;
  const few = await ramp.fly('short of users', ({ reason }) => reason === 'few_users');
  expect(few.sentence).toBe('Not enough evidence at 10 %: 3 users of the cube, about 17 more are needed.');
  await ramp.stop();
});

test('a slower cube holds the step, compared again only after another interval', async () => {
  const traffic = new FakeTraffic();
  traffic.latencies = { cubeUsers: 100, legacyUsers: 900, cubeMillis: 12, legacyMillis: 10, pValue: 0.001 };
  const ramp = await server.begin(traffic);
  const view = await ramp.fly('slower', ({ reason }) => reason === 'slower');
  expect(view.sentence).toContain('the median user waits 12 ms there and 10 ms at legacy');
  expect(traffic.comparisons).toBe(1);
  await server.environment.sleep('50 minutes');
  expect(traffic.comparisons).toBe(1);
  await ramp.fly('compared again', () => traffic.comparisons === 2);
  await ramp.stop();
});

test('a database that is away keeps no ramp from going back; what it did is put on record later', async () => {
  const traffic = new FakeTraffic();
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  traffic.beforeRecord = () => gate;
  const ramp = await server.begin(traffic);
  await until('the first step', () => traffic.percentage === 10);
  const view = await ramp.ask('alarm', { by: 'watchdog', why: 'Wrong answers.' });
  expect(view).toMatchObject({ status: 'holding_off', percentage: 0 });
  expect(traffic.moves).toEqual([]);
  open();
  await ramp.stop();
  expect(traffic.moves.map(({ action, from, to }) => [action, from, to])).toEqual([
    ['ramp.advance', 0, 10],
    ['ramp.back', 10, 0],
  ]);
});

test('a long ramp is continued as new with everything it knows', { timeout: 120_000 }, async () => {
  const traffic = new FakeTraffic();
  traffic.traffic = () => ({ cube: { users: 100 }, legacy: { users: 900, failedUsers: 1 } });
  const ramp = await server.begin(traffic, { steps: [10], settings: { ...usualSettings, check_interval_seconds: 15 } });
  const { runId } = await ramp.handle.describe();
  const view = await ramp.end();
  expect(view).toMatchObject({ status: 'completed', percentage: 10 });
  expect((await ramp.handle.describe()).runId).not.toBe(runId);
  expect(view.checks).toBeGreaterThan(230);
  expect(view.evidence.step_requests).toBe((view.checks - 1) * 100);
  const events = (await ramp.handle.fetchHistory()).events ?? [];
  expect(events.length).toBeLessThan(1700);
});

test('the Web UI shows status, sentence, what was lowered and what is possible', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic, {
    settings: {
      ...usualSettings,
      check_interval_seconds: 60,
      interval_seconds: 600,
      minimums: { requests: 10, users: 5 },
    },
  });
  const { lowered } = await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  expect(lowered).toEqual([
    'requests at a step 10 (usually 200)',
    'users at a step 5 (usually 20)',
    'time at a step 600 s (usually 3600 s)',
  ]);
  const metadata = await ramp.handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  expect(metadata.currentDetails).toContain('**ramping** at **10 %** of 100 %');
  expect(metadata.currentDetails).toContain('Less proof than usual is required: requests at a step 10');
  expect(metadata.currentDetails).toContain('- `cubeshift traffic ramp saju --pause`: keep the weight');
  expect(metadata.currentDetails).toContain('- `cubeshift traffic set saju 0`: send everybody to legacy, now');
  await ramp.stop();
  for (const action of rampActions) await expect(ramp.ask(action, { percentage: 1 })).rejects.toThrow();
});

test('stop ends it in the middle of a look, the weight stays; so does a cancellation in the Web UI', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  let looking = false;
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  traffic.beforeLook = () => {
    looking = true;
    return gate;
  };
  // What is asked brings a look at once. One that time had to fly for could outlive its plan, and time stands still then.
  await ramp.handle.executeUpdate(rampUpdate('pause'), { args: [{ by: 'ops' }] });
  await until('a look to hang', () => looking);
  const stopped = await ramp.ask('stop', { by: 'ops', why: 'enough.' });
  open();
  expect(stopped).toMatchObject({ status: 'stopped', percentage: 10, actions: [] });
  expect((await ramp.end()).sentence).toBe('ops stopped it; the weight stays as it is. enough.');
  const again = await server.begin(new FakeTraffic());
  await again.handle.cancel();
  expect(await again.end()).toMatchObject({
    status: 'stopped',
    sentence: expect.stringMatching(/^temporal stopped it/),
  });
});

test('the Web UI finds a ramp by kind, weight and status', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  const attributes = async () => (await ramp.handle.describe()).searchAttributes;
  expect(await attributes()).toMatchObject({
    MigrationKind: ['ramp'],
    MigrationStage: ['10 %'],
    MigrationStatus: ['ramping'],
  });
  await ramp.ask('pause');
  expect(await attributes()).toMatchObject({ MigrationStatus: ['paused'] });
  await ramp.stop();
  expect(await attributes()).toMatchObject({ MigrationStage: ['10 %'], MigrationStatus: ['stopped'] });
});

test('resumed, it goes on from the current weight, not from the one it found last', async () => {
  const traffic = new FakeTraffic();
  const ramp = await server.begin(traffic);
  await ramp.fly('at 10 %', ({ percentage }) => percentage === 10);
  traffic.setByHand(30);
  await ramp.flyTo('waiting');
  traffic.setByHand(60);
  await ramp.ask('resume');
  expect(await ramp.view()).toMatchObject({ status: 'ramping', percentage: 60 });
  expect((await ramp.end()).status).toBe('completed');
  expect(traffic.weights).toEqual([10, 100]);
});

test('a cube that refuses what legacy accepts is left; users whom both refuse alike stop nothing', async () => {
  const traffic = new FakeTraffic();
  const both = (share: number, ofLegacy: number) => (percentage: number) => ({
    cube: { users: percentage * 10, refusedUsers: percentage * 10 * share },
    legacy: { users: 1000 - percentage * 10, refusedUsers: (1000 - percentage * 10) * ofLegacy },
  });
  traffic.traffic = both(0.4, 0.4);
  const ramp = await server.begin(traffic);
  await ramp.fly('at 50 %', ({ percentage }) => percentage === 50);
  traffic.traffic = both(0.9, 0.01);
  expect(await ramp.flyTo('holding_off')).toMatchObject({
    reason: 'more_refusals',
    sentence: expect.stringContaining(
      'The cube refuses users at POST /api/saju/calculate (4xx) more often than legacy',
    ),
  });
  await ramp.stop();
});
