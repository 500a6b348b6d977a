import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckResult } from '../../src/domain/check-result.js';
import { until } from '../support/conditions.js';
import { CubeServer, type CubeStep, cubeBefore, FakeCube } from './cube-server.js';

let server: CubeServer;
beforeAll(async () => {
  server = await CubeServer.start();
});
afterAll(() => server.stop());

const sick = async (): Promise<CheckResult> => ({ passed: false, sentence: 'it is sick' });
const deploy = { kind: 'deploy', version: '1.1', instances: null } as const;

async function outcome(cubeId: string, world: FakeCube, change: Parameters<CubeServer['deploy']>[2] = deploy) {
  return (await server.deploy(cubeId, world, change)).result();
}

test('a new version takes the traffic only after it was ready and answered right; the old one stays warm', async () => {
  const world = new FakeCube();
  const view = await outcome('happy', world);
  expect(view).toMatchObject({ status: 'done', version: '1.1', previous_version: '1.0', failure: null });
  expect(world.order).toEqual([
    'claimCube',
    'deployVersion',
    'awaitVersion',
    'smokeTest',
    'activateVersion',
    'watchVersion',
    'keepVersions',
    'releaseCube',
  ]);
  // As many as run of the old one.
  expect(world.argsOf('deployVersion')?.slice(1)).toEqual(['1.1', 2]);
  expect(world.argsOf('keepVersions')?.[1]).toEqual(['1.1', '1.0']);
});

describe('what does not go well is taken back, whole:', () => {
  test.each<CubeStep>(['awaitVersion', 'smokeTest', 'watchVersion'])('%s finds it ill', async (step) => {
    const world = new FakeCube().answer(step as 'smokeTest', sick);
    const view = await outcome(`ill-${step}`, world);
    expect(view.status).toBe('taken_back');
    expect(view.sentence).toBe(`Version 1.1 of ill-${step} was taken back: it is sick. 1.0 has the traffic.`);
    expect(world.argsOf('restoreVersions')?.[1]).toEqual(cubeBefore);
    expect(world.order.at(-1)).toBe('releaseCube');
    expect(world.order.includes('activateVersion')).toBe(step === 'watchVersion');
  });

  test.each<CubeStep>([
    'deployVersion',
    'awaitVersion',
    'smokeTest',
    'activateVersion',
    'watchVersion',
    'keepVersions',
  ])('%s fails for a minute', async (step) => {
    const world = new FakeCube().fail(step, 'redis_unreachable');
    const view = await outcome(`away-${step}`, world);
    expect(view).toMatchObject({ status: 'taken_back', failure: 'redis_unreachable' });
    expect(world.argsOf('restoreVersions')?.[1]).toEqual(cubeBefore);
  });

  test('a restart and another number of instances', async () => {
    const restarted = new FakeCube().answer('watchVersion', sick);
    expect(await outcome('restarted', restarted, { kind: 'restart' })).toMatchObject({ status: 'taken_back' });
    expect(restarted.argsOf('restartVersion')?.slice(1)).toEqual(['1.0', 4]);
    const scaled = new FakeCube().answer('awaitVersion', sick);
    expect(await outcome('scaled', scaled, { kind: 'scale', instances: 5 })).toMatchObject({ status: 'taken_back' });
    for (const world of [restarted, scaled]) expect(world.argsOf('restoreVersions')?.[1]).toEqual(cubeBefore);
  });

  test('a cancellation from outside', async () => {
    let go: (verdict: CheckResult) => void = () => undefined;
    const world = new FakeCube().answer('awaitVersion', () => new Promise((resolve) => (go = resolve)));
    const handle = await server.deploy('cancelled', world, deploy);
    // A look that outlives its plan holds the server's time: every later test that needs time would wait for real.
    world.answer('restoreVersions', async () => {
      go({ passed: true });
      await until('the look to be over', async () => {
        const { pendingActivities } = (await handle.describe()).raw;
        return !pendingActivities?.some(({ activityType }) => activityType?.name === 'awaitVersion');
      });
    });
    await expect.poll(() => world.order).toContain('awaitVersion');
    await handle.cancel();
    expect(await handle.result()).toMatchObject({ status: 'taken_back', failure: 'cancelled' });
    expect(world.order).toContain('restoreVersions');
  });
});

test('a cube that a rollback holds is left alone', async () => {
  const world = new FakeCube().fail('claimCube', 'conflict');
  expect(await outcome('held', world)).toMatchObject({ status: 'refused', failure: 'conflict' });
  expect(world.order).toEqual(['claimCube', 'releaseCube']);
});

test('a cube that a rollback takes in the middle is left to it', async () => {
  const world = new FakeCube().fail('activateVersion', 'conflict');
  expect(await outcome('taken', world)).toMatchObject({ status: 'superseded' });
  expect(world.order).not.toContain('restoreVersions');
});

test('a version that was never released is refused', async () => {
  const world = new FakeCube().fail('deployVersion', 'not_found');
  expect(await outcome('absent', world)).toMatchObject({ status: 'refused', failure: 'not_found' });
});

test('what cannot be taken back is reported, with both reasons', async () => {
  const world = new FakeCube().answer('smokeTest', sick).fail('restoreVersions', 'redis_unreachable');
  const view = await outcome('stuck', world);
  expect(view.status).toBe('undo_incomplete');
  expect(view.sentence).toContain('it is sick');
  expect(view.sentence).toContain('A sentence about redis_unreachable');
});

test('the Web UI finds a deployment by kind, step and status', async () => {
  const world = new FakeCube().answer('watchVersion', async () => ({ passed: false, sentence: 'it is sick' }));
  const handle = await server.deploy('listed', world, { kind: 'deploy', version: '2.0', instances: null });
  await handle.result();
  expect((await handle.describe()).searchAttributes).toMatchObject({
    MigrationKind: ['deployment'],
    MigrationStage: ['take_back'],
    MigrationStatus: ['taken_back'],
  });
});
