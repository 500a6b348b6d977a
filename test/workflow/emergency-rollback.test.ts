import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckResult } from '../../src/domain/check-result.js';
import { CubeServer, type CubeStep, FakeCube, untilCancelled } from './cube-server.js';

let server: CubeServer;
beforeAll(async () => {
  server = await CubeServer.start();
});
afterAll(() => server.stop());

const sick = async (): Promise<CheckResult> => ({ passed: false, sentence: 'it is sick' });
const fiveSteps: readonly CubeStep[] = [
  'findTarget',
  'readTraffic',
  'stopTraffic',
  'claimCube',
  'deployVersion',
  'awaitVersion',
  'activateVersion',
  'keepVersions',
  'checkConsistency',
  'resumeTraffic',
  'watchVersion',
  'releaseCube',
];

test('the cube is closed first, and opened once version and data were checked', async () => {
  const world = new FakeCube();
  const run = await server.rollBack('happy', world);
  const view = await run.handle.result();
  expect(view).toMatchObject({ status: 'completed', target_version: '0.9', from_version: '1.0' });
  expect(world.order).toEqual(fiveSteps);
  expect(world.argsOf('deployVersion')?.slice(1)).toEqual(['0.9', 2]);
  expect(world.argsOf('keepVersions')?.[1]).toEqual(['0.9']);
});

test('where the cube owns the data users wait at the gateways instead', async () => {
  const world = new FakeCube().answer('readTraffic', async () => ({ way: 'hold', enabled: null }));
  const view = await (await server.rollBack('owner', world)).handle.result();
  expect(view.status).toBe('completed');
  expect(view.steps[0]?.sentence).toBe('users wait at the gateways');
  for (const step of ['stopTraffic', 'resumeTraffic'] as const)
    expect(world.argsOf(step)?.[1]).toEqual({ way: 'hold', enabled: null });
  expect(world.argsOf('extendHold')?.[1]).toBe(world.argsOf('stopTraffic')?.[2]);
});

test('users wait for as long as it says that they do: until the cube is opened, and while it waits for a person', async () => {
  const held = new Set<unknown>();
  const world = new FakeCube()
    .answer('readTraffic', async () => ({ way: 'hold', enabled: null }))
    .answer('extendHold', async (_change, count) => {
      held.clear();
      held.add(count);
      await untilCancelled();
    })
    .answer('resumeTraffic', async () => {
      held.clear();
      return { passed: true, closedBy: null };
    })
    .answer('watchVersion', sick);
  const run = await server.rollBack('held', world);
  // Time does not fly while users are kept waiting.
  await expect.poll(async () => (await run.view()).status).toBe('escalated');
  // Stopped, let in, found ill, stopped again.
  await expect.poll(() => [...held]).toEqual([3]);
  world.mend('watchVersion');
  await run.acknowledge({ retry: true });
  expect(await run.handle.result()).toMatchObject({ status: 'completed' });
  expect(held.size).toBe(0);
});

test('users are kept waiting also where the gateways never say that they wait', async () => {
  const world = new FakeCube()
    .answer('readTraffic', async () => ({ way: 'hold', enabled: null }))
    .fail('stopTraffic', 'permission_denied');
  const run = await server.rollBack('never-said', world);
  await expect.poll(async () => (await run.view()).status).toBe('escalated');
  expect(world.order.filter((step) => step === 'extendHold')).toHaveLength(2);
  await run.acknowledge();
  await run.handle.result();
});

test('gateways that did not acknowledge, and what could not be reached, are reported', async () => {
  const silent = new FakeCube().answer('stopTraffic', async () => ({ unheard: 2 }));
  expect((await (await server.rollBack('silent-gateways', silent)).handle.result()).steps[0]?.sentence).toBe(
    'users go to legacy; 2 gateways did not confirm it, so the kill switch of this machine is on for them',
  );
  const away = new FakeCube().answer('stopTraffic', async () => ({ unheard: null }));
  expect((await (await server.rollBack('away', away)).handle.result()).steps[0]?.sentence).toBe(
    'users go to legacy, by the kill switch of this machine: Redis could not be reached',
  );
});

test('a cube that was closed before is not reported as serving again', async () => {
  const world = new FakeCube()
    .answer('readTraffic', async () => ({ way: 'flags', enabled: false }))
    .answer('resumeTraffic', async () => ({ passed: true, closedBy: 'somebody' }));
  const view = await (await server.rollBack('closed', world)).handle.result();
  expect(view).toMatchObject({ status: 'completed' });
  expect(view.sentence).toContain('stays closed');
  expect(view.steps.find(({ step }) => step === 'resume_traffic')?.sentence).toContain('stays closed');
});

test('a cube that an earlier rollback had closed is reported as serving again, and one that a person closed as closed', async () => {
  const closed = async () => ({ way: 'flags', enabled: false }) as const;
  const ours = new FakeCube()
    .answer('readTraffic', closed)
    .answer('resumeTraffic', async () => ({ passed: true, closedBy: null }));
  const serving = await (await server.rollBack('closed-by-rollback', ours)).handle.result();
  expect(serving.sentence).toBe('0.9 of closed-by-rollback serves its users again.');
  const theirs = new FakeCube()
    .answer('readTraffic', closed)
    .answer('resumeTraffic', async () => ({ passed: true, closedBy: 'ops' }));
  const view = await (await server.rollBack('closed-by-ops', theirs)).handle.result();
  expect(view.sentence).toContain('closed by ops, and stays closed until a person opens it');
  expect(view.steps.find(({ step }) => step === 'resume_traffic')?.sentence).toContain('closed by ops');
});

test('back to the very version that is ill means new instances of it', async () => {
  const world = new FakeCube();
  await (await server.rollBack('same', world, '1.0')).handle.result();
  expect(world.argsOf('restartVersion')?.slice(1)).toEqual(['1.0', 4]);
});

test('without a version it goes to the one that is warm', async () => {
  const world = new FakeCube();
  expect(await (await server.rollBack('warm', world, null)).handle.result()).toMatchObject({ target_version: '0.9' });
});

describe('a person is called, and users stay away, when', () => {
  test.each(fiveSteps.slice(0, -1))('%s fails for good', async (step) => {
    const world = new FakeCube().fail(step, 'permission_denied');
    const run = await server.rollBack(`denied-${step}`, world);
    const view = await run.escalated();
    expect(view.sentence).toContain('A sentence about permission_denied');
    expect(world.order).toContain('callWebhook');
    // Once more after whatever was done: what let users in is taken back.
    if (step !== 'readTraffic' && step !== 'findTarget')
      expect(world.order.slice(-2)).toEqual(['stopTraffic', 'callWebhook']);
    world.mend(step);
    await run.acknowledge({ retry: true });
    expect(await run.handle.result()).toMatchObject({ status: 'completed', target_version: '0.9' });
  });

  test.each<CubeStep>(['awaitVersion', 'checkConsistency', 'resumeTraffic', 'watchVersion'])(
    '%s finds it ill',
    async (step) => {
      const world = new FakeCube().answer(step as 'checkConsistency', sick);
      const run = await server.rollBack(`ill-${step}`, world);
      const view = await run.escalated();
      expect(view.sentence).toContain('it is sick');
      await run.acknowledge();
      const ended = await run.handle.result();
      expect(ended).toMatchObject({ status: 'acknowledged', acknowledged_by: 'a person' });
      expect(ended.traffic_restored_at).toBeNull();
      expect(world.order.at(-1)).toBe('releaseCube');
    },
  );

  test('a step fails for a minute with what may pass', async () => {
    const world = new FakeCube().fail('activateVersion', 'redis_unreachable');
    const run = await server.rollBack('minute', world);
    expect((await run.escalated()).sentence).toContain('A sentence about redis_unreachable');
    await run.acknowledge();
  });

  test('the webhook is away too: it waits all the same, for all to see', async () => {
    const world = new FakeCube().answer('checkConsistency', sick).fail('callWebhook', 'webhook_unreachable');
    const run = await server.rollBack('silent', world);
    await run.escalated();
    await run.acknowledge();
    expect(await run.handle.result()).toMatchObject({ status: 'acknowledged' });
  });
});

describe('while no version to go back to is known', () => {
  const none = async () => ({ found: false, sentence: 'no earlier version is warm, and none was named' }) as const;

  test('nothing is closed, a person is called with the commands to type, and the version named next is restored', async () => {
    const world = new FakeCube().answer('findTarget', none);
    const run = await server.rollBack('saju-cube', world, null);
    const view = await run.escalated();
    expect(world.order).toEqual(['findTarget', 'callWebhook']);
    expect(view.sentence).toBe(
      'It needs a person at restore_version: no earlier version is warm, and none was named. Nothing was changed: the cube serves its users as before.',
    );
    expect(view.next.map(({ command }) => command)).toEqual([
      'cubeshift cubes rollback saju-cube VERSION --wait',
      'cubeshift cubes rollback saju-cube --retry "WHY" --wait',
      'cubeshift cubes rollback saju-cube --acknowledge "WHY"',
      'cubeshift traffic set saju --enabled false',
    ]);
    expect(world.argsOf('callWebhook')?.[0]).toMatchObject({ next: view.next });
    await expect(run.join(null)).rejects.toThrow();
    world.mend('findTarget');
    await run.join('0.8');
    const ended = await run.handle.result();
    expect(ended).toMatchObject({ status: 'completed', target_version: '0.8', acknowledged_by: 'a caller', next: [] });
    expect(world.calls.flatMap(({ name, args }) => (name === 'findTarget' ? [args[1]] : []))).toEqual([null, '0.8']);
    expect(world.argsOf('deployVersion')?.slice(1)).toEqual(['0.8', 2]);
  });

  test('users who were sent away before stay away, and another version is gone back to', async () => {
    const world = new FakeCube().answer('awaitVersion', sick);
    const run = await server.rollBack('sent-away', world);
    const view = await run.escalated();
    expect(view.next.map(({ command }) => command).join()).not.toContain('traffic set');
    world.mend('awaitVersion');
    await run.join('0.8');
    expect(await run.handle.result()).toMatchObject({ status: 'completed', target_version: '0.8' });
  });
});

test('a call for another version than the one that is gone back to is refused, and one for the same joins', async () => {
  let go: (verdict: CheckResult) => void = () => undefined;
  const world = new FakeCube().answer('awaitVersion', () => new Promise((resolve) => (go = resolve)));
  const run = await server.rollBack('joined', world);
  await expect.poll(() => world.order).toContain('awaitVersion');
  await expect(run.join('0.8')).rejects.toThrow();
  await run.join('0.9');
  await run.join(null);
  go({ passed: true });
  expect(await run.handle.result()).toMatchObject({ status: 'completed', target_version: '0.9' });
});

test('what needs no person cannot be acknowledged', async () => {
  let go: (verdict: CheckResult) => void = () => undefined;
  const world = new FakeCube().answer('awaitVersion', () => new Promise((resolve) => (go = resolve)));
  const run = await server.rollBack('early', world);
  await expect.poll(() => world.order).toContain('awaitVersion');
  await expect(run.acknowledge()).rejects.toThrow();
  go({ passed: true });
  expect(await run.handle.result()).toMatchObject({ status: 'completed', acknowledged_by: null });
});

test('a cancellation from outside changes nothing', async () => {
  let go: (verdict: CheckResult) => void = () => undefined;
  const world = new FakeCube().answer('awaitVersion', () => new Promise((resolve) => (go = resolve)));
  const run = await server.rollBack('stubborn', world);
  await expect.poll(() => world.order).toContain('awaitVersion');
  await run.handle.cancel();
  go({ passed: true });
  expect(await run.handle.result()).toMatchObject({ status: 'completed' });
});
