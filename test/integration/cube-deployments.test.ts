import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageVersion } from '../../src/base/package-root.js';
import { readActiveVersion } from '../../src/registry/instances.js';
import { runCommand } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { CubeStack } from '../support/cube-stack.js';
import { testSecret } from '../support/engine.js';
import { fakeRelease } from '../support/fake-cube.js';
import { readInstances, registerInstance } from '../support/registry.js';

/** Versions of a cube deployed through the control API, with real processes, Redis and Temporal. */
const first = packageVersion();
let stack: CubeStack;

beforeAll(async () => {
  stack = await CubeStack.start(fakeRelease(first));
});
afterAll(() => stack.stop());

async function serving(): Promise<{ active: string | null; versions: readonly string[] }> {
  const instances = await readInstances(stack.redis, 'saju-cube');
  return {
    active: await readActiveVersion(stack.redis, 'saju-cube'),
    versions: instances.map(({ version }) => version),
  };
}

describe('a good version', () => {
  test('takes the traffic, and the one before stays warm', async () => {
    stack.home.addRelease(fakeRelease('1.1'));
    const view = await stack.deploy('1.1', { instances: 2 });
    expect(view).toMatchObject({ status: 'done', version: '1.1', previous_version: first, failure: null });
    expect(view.steps.map(({ step }) => step)).toEqual([
      'take',
      'start',
      'ready',
      'smoke_test',
      'switch',
      'watch',
      'settle',
      'done',
    ]);
    expect(await serving()).toEqual({ active: '1.1', versions: [first, '1.1', '1.1'].sort() });
    const variables = { CONTROL_URL: stack.engine.url, CUBE_JWT_SECRET: testSecret };
    const shown = await runCommand(['cubes', 'status', 'saju-cube'], variables);
    expect([shown.code, shown.stdout.split('\n')[0]]).toEqual([0, `saju-cube: deploy by test, done: ${view.sentence}`]);
    expect(shown.stdout).toContain(' switch: 1.1 takes the traffic');
    expect(view).toMatchObject({
      workflow_id: 'deployment/saju-cube',
      run_id: expect.stringMatching(/^[\da-f-]{36}$/),
    });
  });

  test('is followed on the page of its run, to which the command line prints a link', async () => {
    const { code, stdout, stderr } = await runCommand(['cubes', 'scale', 'saju-cube', '2', '--wait', '--json'], {
      CONTROL_URL: stack.engine.url,
      CUBE_JWT_SECRET: testSecret,
      TEMPORAL_UI_URL: 'http://temporal.example',
      TEMPORAL_NAMESPACE: 'heal7',
    });
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(
      `http://temporal.example/namespaces/heal7/workflows/deployment%2Fsaju-cube/${JSON.parse(stdout).run_id}/user-metadata\n`,
    );
  });

  test('only the version before the one that serves is kept warm', async () => {
    stack.home.addRelease(fakeRelease('1.2'));
    expect(await stack.deploy('1.2')).toMatchObject({ status: 'done' });
    await until('the oldest to be gone', async () => !(await serving()).versions.includes(first));
    expect(await serving()).toEqual({ active: '1.2', versions: ['1.1', '1.1', '1.2', '1.2'] });
  });
});

describe('a bad version is taken back, and said why:', () => {
  test.each([
    ['does_not_start', /was started 3 times and ended with exit code 7/],
    ['starts_and_dies', /was started 3 times and ended with exit code 9/],
    ['wrong', /answered POST \/calculate with another day_pillar than the right one/],
    ['sick', /answered POST \/calculate with 500/],
  ] as const)('one that %s', async (behaviour, why) => {
    const before = await serving();
    const version = `bad-${behaviour}`;
    stack.home.addRelease(fakeRelease(version, behaviour));
    const view = await stack.deploy(version, { instances: 1 });
    expect(view.status, view.sentence).toBe('taken_back');
    expect(view.sentence).toMatch(why);
    expect(view.sentence).toContain(`${before.active} has the traffic`);
    await until('it to be gone', async () => JSON.stringify(await serving()) === JSON.stringify(before));
  });

  test('one that is never ready', async () => {
    stack.home.addRelease(fakeRelease('bad-late', 'never_ready'));
    const view = await stack.deploy('bad-late', { instances: 1, ready_seconds: 3 });
    expect(view).toMatchObject({ status: 'taken_back' });
    expect(view.sentence).toMatch(/0 of its 1 instances were ready within 3 s/);
    expect((await serving()).active).toBe('1.2');
  });
});

describe('refused at once, with nothing changed:', () => {
  test.each([
    ['a version that was never released', 'saju-cube/deploy', { version: '9.9' }, 404, /There is no release 9\.9/],
    ['a cube that is none', 'tea-cube/deploy', { version: '1.1' }, 404, /There is no cube tea-cube/],
    ['a version that is no name', 'saju-cube/deploy', { version: '../x' }, 400, /version/],
    ['no instances', 'saju-cube/scale', { instances: 0 }, 400, /instances/],
    ['a field nobody knows', 'saju-cube/restart', { now: true }, 400, /.+/],
  ])('%s', async (_what, path, body, status, sentence) => {
    // What an earlier change took back may still be leaving.
    await until('what was taken back to be gone', async () => !(await serving()).versions.includes('bad-late'));
    const before = await serving();
    const answer = await stack.engine.call('POST', `/v1/cubes/${path}`, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    const { detail, hint } = answer.body as { detail: string; hint: string };
    expect(detail).toMatch(sentence);
    expect(hint).not.toContain('/v1/migrations');
    expect(await serving()).toEqual(before);
  });

  test('without the permission', async () => {
    const answer = await stack.engine.call('POST', '/v1/cubes/saju-cube/restart', {}, ['migration:read']);
    expect(answer.status).toBe(403);
  });
});

test('restart replaces every instance, and scale changes their number', async () => {
  const before = (await readInstances(stack.redis, 'saju-cube')).filter(({ version }) => version === '1.2');
  expect((await stack.engine.call('POST', '/v1/cubes/saju-cube/restart')).status).toBe(202);
  expect(await stack.deployed()).toMatchObject({ status: 'done', change: 'restart' });
  await until('the old instances to be gone', async () => {
    const ids = (await readInstances(stack.redis, 'saju-cube')).map(({ instance_id }) => instance_id);
    return before.every(({ instance_id }) => !ids.includes(instance_id));
  });
  expect((await stack.engine.call('POST', '/v1/cubes/saju-cube/scale', { instances: 3 })).status).toBe(202);
  expect(await stack.deployed()).toMatchObject({ status: 'done', change: 'scale' });
  expect((await serving()).versions.filter((version) => version === '1.2')).toHaveLength(3);
});

describe('more instances than may run are refused, and nothing is changed:', () => {
  const refused = async (verb: string, body: object, after: number) => {
    const before = await serving();
    const { status, body: problem } = await stack.engine.call('POST', `/v1/cubes/saju-cube/${verb}`, body);
    expect([status, problem]).toMatchObject([
      409,
      {
        type: 'too_many_instances',
        detail: expect.stringContaining(`${after} instances of saju-cube would run at once`),
      },
    ]);
    expect(await serving()).toEqual(before);
  };

  test('by scaling, deploying or restarting, with those that others registered among them', async () => {
    // Three of the version that serves, two of the one before it.
    await refused('scale', { instances: 9 }, 9);
    await refused('scale', { instances: 7 }, 9);
    await refused('deploy', { version: first, instances: 4 }, 9);
    const elsewhere = registerInstance(stack.redis, {
      ...{ cube_id: 'saju-cube', instance_id: 'elsewhere', url: 'http://127.0.0.1:1', version: '1.2' },
      ...{ state: 'ready', started_at: Date.now() },
    });
    await until('it to be there', async () => (await serving()).versions.length === 6);
    await refused('restart', {}, 9);
    await refused('scale', { instances: 6 }, 9);
    await elsewhere.close();
  });

  test('while fewer are always accepted', async () => {
    expect((await stack.engine.call('POST', '/v1/cubes/saju-cube/scale', { instances: 2 })).status).toBe(202);
    expect(await stack.deployed()).toMatchObject({ status: 'done', change: 'scale' });
    expect((await stack.engine.call('POST', '/v1/cubes/saju-cube/scale', { instances: 3 })).status).toBe(202);
    expect(await stack.deployed()).toMatchObject({ status: 'done', change: 'scale' });
  });
});

test('a Redis that was flushed learns again which version has the traffic', async () => {
  await stack.redis.flushall();
  await until('it to be there again', async () => (await serving()).active === '1.2');
});

test('two changes of a cube do not run at the same time', async () => {
  stack.home.addRelease(fakeRelease('1.3'));
  const [one, other] = await Promise.all(
    ['1.3', '1.3'].map((version) => stack.engine.call('POST', '/v1/cubes/saju-cube/deploy', { version })),
  );
  expect([one?.status, other?.status].sort()).toEqual([202, 409]);
  expect(await stack.deployed()).toMatchObject({ status: 'done', version: '1.3' });
});
