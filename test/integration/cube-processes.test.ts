import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChangeReference } from '../../src/domain/deployment/change-reference.js';
import type { ObservedInstance } from '../../src/domain/deployment/desired-cubes.js';
import { createLocalRuntime } from '../../src/runtime/local.js';
import type { CubeRuntime } from '../../src/runtime/runtime.js';
import { CubeSupervisor, servingCubeUrls } from '../../src/stack/programs/cubes.js';
import { Supervisor } from '../../src/stack/programs/supervisor.js';
import { StackHome } from '../../src/state/home.js';
import { identify } from '../../src/state/process-identity.js';
import { until } from '../support/conditions.js';
import { fakeRelease } from '../support/fake-cube.js';

/** Versions of a cube as processes: what the runtime wants and what the supervisor makes of it. */
const cubeId = 'saju-cube';
const by: ChangeReference = { cubeId, holderId: 'test' };
let home: StackHome;
let runtime: CubeRuntime;
let kept: Kept;

/** A supervisor at work. */
class Kept {
  private readonly stopping = new AbortController();
  private readonly watching: Promise<void>;

  private constructor(private readonly supervisor: Supervisor) {
    this.watching = supervisor.watch(this.stopping.signal);
  }

  static async start(environment: Readonly<Record<string, string>> = {}): Promise<Kept> {
    const supervisor = new Supervisor(home);
    await supervisor.bringUpCubes(new CubeSupervisor(home, () => environment, [], []));
    return new Kept(supervisor);
  }

  async stop(): Promise<void> {
    await this.leave();
    await this.supervisor.stop();
  }

  /** As one that was killed: what it keeps up stays. */
  async leave(): Promise<void> {
    this.stopping.abort();
    await this.watching;
  }
}

beforeEach(async () => {
  home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-cubes-')));
  home.prepare();
  for (const version of ['1.0', '1.1']) home.addRelease(fakeRelease(version));
  runtime = createLocalRuntime(home.folder, '1.0');
  await runtime.claim(by, 'deployment');
  kept = await Kept.start();
});
afterEach(async () => {
  await kept.stop();
  rmSync(home.folder, { recursive: true, force: true });
});

async function observed(version: string): Promise<readonly ObservedInstance[]> {
  const { versions } = await runtime.list(cubeId);
  return versions.find((one) => one.version === version)?.observed ?? [];
}

function untilReady(version: string, instances = 1): Promise<readonly ObservedInstance[]> {
  return until(`${instances} of ${version} to be ready`, async () => {
    const all = await observed(version);
    return all.length === instances && all.every(({ state }) => state === 'ready') && all;
  });
}

function untilGone(version: string): Promise<boolean> {
  return until(`${version} to be gone`, async () => (await observed(version)).length === 0);
}

describe('versions', () => {
  test('a version starts next to the one that runs, and each is known by its own port', async () => {
    await runtime.deploy(by, '1.1', 2);
    const [old] = await untilReady('1.0');
    const fresh = await untilReady('1.1', 2);
    expect(new Set([old, ...fresh].map((one) => one?.port)).size).toBe(3);
    const response = await fetch(`http://127.0.0.1:${fresh[0]?.port}/health`);
    expect(await response.json()).toMatchObject({ version: '1.1' });
    expect(home.processes().map(({ name, version }) => `${name} ${version}`)).toEqual(
      expect.arrayContaining(['saju-cube-1.0-1 1.0', 'saju-cube-1.1-1 1.1', 'saju-cube-1.1-2 1.1']),
    );
  });

  test('a version that is drained goes, and comes up again', async () => {
    await runtime.deploy(by, '1.1', 2);
    await untilReady('1.1', 2);
    await runtime.drain(by, '1.1');
    await untilGone('1.1');
    await runtime.deploy(by, '1.1', 2);
    const again = await untilReady('1.1', 2);
    await runtime.drain(by, '1.1');
    await untilGone('1.1');
    expect(again.filter(({ pid }) => pid !== null && identify(pid) !== undefined)).toEqual([]);
    expect(home.processes().map(({ version }) => version)).toEqual(['1.0']);
  });

  test('a version that was never released is refused, with those that were', async () => {
    await expect(runtime.deploy(by, '9.9', 1)).rejects.toMatchObject({
      type: 'not_found',
      message: expect.stringContaining('1.0, 1.1'),
    });
    await expect(runtime.deploy(by, '../../etc/passwd', 1)).rejects.toMatchObject({ type: 'not_found' });
  });

  test('an instance that dies is started again, and how it ended is logged', async () => {
    home.addRelease(fakeRelease('bad', 'starts_and_dies'));
    await runtime.deploy(by, 'bad', 1);
    await until('it to have died twice', async () => (await observed('bad')).some(({ starts }) => starts > 2));
    expect((await observed('bad'))[0]?.lastEnd).toBe('ended with exit code 9');
    expect(await untilReady('1.0')).toHaveLength(1);
  });

  test('a command that is not there is reported, and stops no other instance', async () => {
    home.addRelease({ ...fakeRelease('absent'), command: '/nowhere/cube' });
    await runtime.deploy(by, 'absent', 1);
    await until('it to be told', async () => (await observed('absent'))[0]?.lastEnd?.includes('ENOENT'));
    expect(await untilReady('1.0')).toHaveLength(1);
  });
});

describe('restart and scale', () => {
  test('scaling changes the number and leaves who is there', async () => {
    const [first] = await untilReady('1.0');
    await runtime.scale(by, '1.0', 3);
    expect((await untilReady('1.0', 3)).map(({ pid }) => pid)).toContain(first?.pid);
    await runtime.scale(by, '1.0', 1);
    expect((await untilReady('1.0'))[0]?.pid).toBe(first?.pid);
  });

  test('a restart never leaves the cube without a ready instance', async () => {
    await runtime.scale(by, '1.0', 2);
    const before = await untilReady('1.0', 2);
    await runtime.restart(by, '1.0', 2);
    await until('the new ones alone to be there', async () => {
      const all = await observed('1.0');
      expect(all.filter(({ state }) => state === 'ready').length).toBeGreaterThan(0);
      return all.length === 2 && all.every(({ generation, state }) => generation === 2 && state === 'ready');
    });
    expect(before.filter(({ pid }) => pid !== null && identify(pid) !== undefined)).toEqual([]);
  });

  test('a restart whose new instance is never ready keeps the old one', async () => {
    const told = home.path('told');
    home.addRelease(fakeRelease('1.2', 'ready_once_told', { FAKE_CUBE_FILE: told }));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(told, '');
    await runtime.deploy(by, '1.2', 1);
    const [old] = await untilReady('1.2');
    rmSync(told);
    await runtime.restart(by, '1.2', 2);
    await until('the new one to be starting', async () =>
      (await observed('1.2')).some(({ generation }) => generation === 2),
    );
    expect((await observed('1.2')).find(({ generation }) => generation === 1)).toMatchObject({
      state: 'ready',
      pid: old?.pid,
    });
    await runtime.restart(by, '1.2', 1);
    expect((await untilReady('1.2'))[0]?.pid).toBe(old?.pid);
  });
});

describe('who may change', () => {
  test('a rollback takes a cube from a deployment, whose changes are refused from then on', async () => {
    const rollback: ChangeReference = { cubeId, holderId: 'rollback' };
    await runtime.claim(rollback, 'rollback');
    await expect(runtime.deploy(by, '1.1', 1)).rejects.toMatchObject({ type: 'conflict' });
    await expect(runtime.claim(by, 'deployment')).rejects.toMatchObject({ type: 'conflict' });
    await runtime.activate(rollback, '1.1');
    await runtime.release(rollback);
    await expect(runtime.claim(by, 'deployment')).rejects.toMatchObject({ type: 'conflict' });
    await runtime.claim({ cubeId, holderId: 'deployment after the rollback' }, 'deployment');
    expect(await runtime.list(cubeId)).toMatchObject({ active: '1.1', previous: '1.0' });
  });

  test('of changes made at the same time none is lost', async () => {
    const others = Array.from({ length: 20 }, (_, place) => `cube-${place}`);
    const runtimes = [runtime, createLocalRuntime(home.folder, '1.0')];
    await Promise.all(
      others.map((id, place) => runtimes[place % 2]?.claim({ cubeId: id, holderId: id }, 'deployment')),
    );
    for (const id of others) expect((await runtime.list(id)).holder?.id, id).toBe(id);
  });

  test('what was wanted before is put back whole, but for who holds the cube', async () => {
    const before = await runtime.claim(by, 'deployment');
    await runtime.deploy(by, '1.1', 1);
    await runtime.activate(by, '1.1');
    await untilReady('1.1');
    await runtime.restore(by, before);
    await untilGone('1.1');
    expect(await runtime.list(cubeId)).toMatchObject({ active: '1.0', previous: null, holder: { id: 'test' } });
  });
});

describe('the supervisor', () => {
  test('one that comes after a killed one takes over what lives', async () => {
    await runtime.deploy(by, '1.1', 1);
    const [before] = await untilReady('1.1');
    await kept.leave();
    kept = await Kept.start();
    expect((await untilReady('1.1'))[0]).toMatchObject({ pid: before?.pid, port: before?.port });
  });

  test('where no supervisor runs, the runtime says so', async () => {
    expect(await runtime.list(cubeId)).toMatchObject({ supervised: true });
    expect(await createLocalRuntime(join(home.folder, 'nowhere'), '1.0').list(cubeId)).toMatchObject({
      supervised: false,
    });
  });

  test('secrets reach the process by its environment, and no file or argument', async () => {
    await kept.stop();
    const noted = home.path('noted.json');
    home.addRelease(fakeRelease('1.3', 'notes_environment', { FAKE_CUBE_FILE: noted }));
    kept = await Kept.start({ CUBE_JWT_SECRET: 'a-secret-of-the-stack' });
    await runtime.deploy(by, '1.3', 1);
    const [instance] = await untilReady('1.3');
    expect(JSON.parse(readFileSync(noted, 'utf8'))).toMatchObject({ CUBE_JWT_SECRET: 'a-secret-of-the-stack' });
    expect(readFileSync(`/proc/${instance?.pid}/cmdline`, 'utf8')).not.toContain('a-secret');
    for (const file of [home.path('releases', cubeId, '1.3.json'), home.path('cube-instances.json')]) {
      expect(readFileSync(file, 'utf8')).not.toContain('a-secret');
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
  });

  test('where the version is reached that takes traffic follows it', async () => {
    const [old] = await untilReady('1.0');
    await runtime.activate(by, '1.0');
    expect(servingCubeUrls(home)).toEqual({ SAJU_CUBE_URL: `http://127.0.0.1:${old?.port}` });
    await runtime.deploy(by, '1.1', 1);
    const [fresh] = await untilReady('1.1');
    await runtime.activate(by, '1.1');
    expect(servingCubeUrls(home)).toEqual({ SAJU_CUBE_URL: `http://127.0.0.1:${fresh?.port}` });
  });

  test('a release stays what it was first', () => {
    expect(home.addRelease({ ...fakeRelease('1.0'), command: '/bin/false' })).toBe(false);
    expect(home.release(cubeId, '1.0')?.command).toBe(process.execPath);
    expect(home.releases().map(({ version }) => version)).toEqual(['1.0', '1.1']);
    expect(existsSync(home.path('releases', cubeId))).toBe(true);
  });
});
