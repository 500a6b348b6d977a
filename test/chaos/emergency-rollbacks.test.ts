import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../src/domain/audit.js';
import type { RollbackView } from '../../src/domain/deployment/rollback.js';
import { readActiveVersion } from '../../src/registry/instances.js';
import { readFlags, writeFlags } from '../../src/traffic/flags.js';
import { runCommand } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { CubeStack } from '../support/cube-stack.js';
import { testSecret } from '../support/engine.js';
import { type FakeBehaviour, fakeRelease } from '../support/fake-cube.js';
import { readInstances } from '../support/registry.js';

/** Emergency rollbacks through the control API, with real processes, Redis, databases and Temporal. */
let stack: CubeStack;
let webhook: Server;
const called: unknown[] = [];
/** Versions that can be gone back to. */
const well = new Set<string>();
let records = '{}';
let made = 0;

beforeAll(async () => {
  webhook = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    request.on('end', () => {
      called.push(JSON.parse(text));
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await until('the webhook to listen', () => webhook.listening);
  const address = webhook.address();
  const port = typeof address === 'object' ? address?.port : 0;
  stack = await CubeStack.start(fakeRelease('0.1.0'), {
    records: 60,
    bulkWorkers: 1,
    apart: ['worker-control'],
    environment: { ESCALATION_WEBHOOK_URL: `http://127.0.0.1:${port}/` },
  });
  records = await recordsOfOwner();
  await writeFlags(stack.redis, 'saju', { enabled: true, percentage: 50 }, { by: 'test', why: 'half of the users' });
});
afterAll(async () => {
  await stack.stop();
  webhook.close();
});
afterEach(() => called.splice(0));

/** What the versions of this test answer for each record: what legacy's rows say. */
async function recordsOfOwner(): Promise<string> {
  const { rows } = await stack.databases.legacy.query(
    `select id::text, user_id, birth_year, birth_month, birth_day, birth_hour, is_solar, year_pillar, month_pillar,
            day_pillar, hour_pillar, interpretation from saju_records`,
  );
  return JSON.stringify(Object.fromEntries(rows.map((row) => [row.id, row])));
}

/** The well version that a test before this one left in traffic, if any. */
async function wellVersion(): Promise<string | undefined> {
  const active = await readActiveVersion(stack.redis, 'saju-cube');
  return active !== null && well.has(active) ? active : undefined;
}

/** Brings up a good version, unless one is there, and on top of it one that turns sick when `fall` is called. */
async function goodAndSick(): Promise<{ good: string; sick: string; fall: () => void }> {
  const good = (await wellVersion()) ?? (await deployWell(`good-${++made}`));
  const sick = `sick-${++made}`;
  const told = stack.home.path(`told-${sick}`);
  await deployWell(sick, { behaviour: 'sick_when_told', file: told });
  const fall = () => {
    well.delete(sick);
    writeFileSync(told, '');
  };
  return { good, sick, fall };
}

/** A version that holds the owner's records, and is well as long as nobody tells it otherwise. */
async function deployWell(
  version: string,
  { behaviour = 'good', file = '' }: { behaviour?: FakeBehaviour; file?: string } = {},
): Promise<string> {
  stack.home.addRelease(fakeRelease(version, behaviour, { FAKE_CUBE_FILE: file, FAKE_CUBE_RECORDS: records }));
  expect(await stack.deploy(version, { instances: 1, watch_seconds: 1 })).toMatchObject({ status: 'done' });
  well.add(version);
  return version;
}

async function open(): Promise<boolean> {
  return (await readFlags(stack.redis, 'saju')).enabled;
}

/** From the moment at which users were sent away to that at which they were let in. */
function secondsAway({ traffic_stopped_at: stopped, traffic_restored_at: restored }: RollbackView): number {
  return (Date.parse(restored ?? '') - Date.parse(stopped ?? '')) / 1000;
}

/** Seven steps, each through a server that other tests keep busy: the bench measures them on a machine of their own. */
const mostSecondsAway = 20;

test('the five steps, in order, users away from the cube for seconds', async () => {
  const { good, sick, fall } = await goodAndSick();
  fall();
  await stack.rollBack({ target_version: good });
  const view = await stack.rollback();
  expect(view, view.sentence).toMatchObject({ status: 'completed', target_version: good, from_version: sick });
  expect(view.steps.map(({ step }) => step)).toEqual([
    'stop_traffic',
    'take',
    'restore_version',
    'ready',
    'switch',
    'settle',
    'check_consistency',
    'resume_traffic',
    'confirm_health',
    'completed',
  ]);
  expect(secondsAway(view), JSON.stringify(view.steps)).toBeLessThan(mostSecondsAway);
  expect(await readActiveVersion(stack.redis, 'saju-cube')).toBe(good);
  expect(await readFlags(stack.redis, 'saju')).toMatchObject({ enabled: true, percentage: 50 });
  await until('the sick version to be gone', async () =>
    (await readInstances(stack.redis, 'saju-cube')).every(({ version }) => version === good),
  );
});

test('users are kept from the cube from the first step until the data was looked at', async () => {
  const { good } = await goodAndSick();
  const seen: boolean[] = [];
  await stack.rollBack({ target_version: good });
  await stack.rollback(() => true);
  const view = await until('the rollback to end', async () => {
    seen.push(await open());
    const now = await stack.rollback(() => true);
    return now.status !== 'running' && now;
  });
  expect(view.status, view.sentence).toBe('completed');
  expect(seen).toContain(false);
  expect(seen.at(-1)).toBe(true);
  expect(Date.parse(view.traffic_restored_at ?? '')).toBeGreaterThan(Date.parse(view.traffic_stopped_at ?? ''));
});

test('a second rollback joins the first', async () => {
  const { good } = await goodAndSick();
  const views = await Promise.all([1, 2, 3].map(() => stack.rollBack({ target_version: good })));
  expect(new Set(views.map(({ target_version }) => target_version))).toEqual(new Set([good]));
  const view = await stack.rollback();
  expect(view.status, view.sentence).toBe('completed');
  expect(view.steps.filter(({ step }) => step === 'stop_traffic')).toHaveLength(1);
});

test('without a version named it goes back to the one that is warm', async () => {
  const { good } = await goodAndSick();
  await stack.rollBack({});
  expect(await stack.rollback()).toMatchObject({ status: 'completed', target_version: good });
});

test('a rollback takes the cube from a deployment under way', async () => {
  const { good } = await goodAndSick();
  stack.home.addRelease(fakeRelease(`late-${made}`, 'never_ready'));
  await stack.engine.call('POST', '/v1/cubes/saju-cube/deploy', { version: `late-${made}` });
  await stack.rollBack({ target_version: good });
  expect(await stack.rollback()).toMatchObject({ status: 'completed', target_version: good });
  expect(await stack.deployed()).toMatchObject({ status: 'superseded', failure: 'conflict' });
  expect(await readActiveVersion(stack.redis, 'saju-cube')).toBe(good);
});

test('a version that was never released is refused with those that are kept, and nothing is touched', async () => {
  const { good, sick } = await goodAndSick();
  const before = await stack.rollback(() => true);
  const audited = await stack.engine.call('GET', '/v1/audit?limit=1');
  const answer = await stack.engine.call('POST', '/v1/cubes/saju-cube/rollback', { target_version: 'nowhere' });
  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  const { detail } = answer.body as { detail: string };
  expect(detail).toMatch(/^There is no release nowhere of saju-cube; kept are .*\.$/);
  for (const version of ['0.1.0', good, sick]) expect(detail).toContain(version);
  const said = await runCommand(['cubes', 'rollback', 'saju-cube', 'nowhere', '--wait'], {
    CONTROL_URL: stack.engine.url,
    CUBE_JWT_SECRET: testSecret,
  });
  expect(said.code, said.stderr).toBe(1);
  expect(said.stderr).toContain(detail);
  expect(await open()).toBe(true);
  expect(await stack.rollback(() => true)).toEqual(before);
  expect(await stack.engine.call('GET', '/v1/audit?limit=1')).toMatchObject({ body: audited.body });
});

test('a rollback that cannot be put on record is done all the same, and put on record when it can be', async () => {
  const { good } = await goodAndSick();
  const newest = async () => (await stack.engine.call('GET', '/v1/audit?limit=1')).body as { items: AuditEntry[] };
  await stack.databases.cube.query('alter schema audit rename to audit_away');
  const asked = Date.now();
  await stack.rollBack({ target_version: good });
  expect(await stack.rollback()).toMatchObject({ status: 'completed', target_version: good });
  // Another one is another rollback: the first does not go on for the sake of the record.
  await stack.rollBack({ target_version: good });
  expect(await stack.rollback()).toMatchObject({ status: 'completed', from_version: good });
  await stack.databases.cube.query('alter schema audit_away rename to audit');
  const entries = await until('both to be on record', async () => {
    const { items } = (await stack.engine.call('GET', '/v1/audit?limit=2')).body as { items: AuditEntry[] };
    return items.every(({ action }) => action === 'cube.rollback') && items;
  });
  for (const { actor, subject, details } of entries) {
    expect({ actor, subject }).toEqual({ actor: 'test', subject: 'saju-cube' });
    expect(details).toMatchObject({ target_version: good });
    expect(Date.parse(String(details.asked_at))).toBeGreaterThanOrEqual(asked);
  }
  await stack.rollBack({ target_version: good });
  await stack.rollback();
  expect((await newest()).items[0]).toMatchObject({ action: 'cube.rollback' });
});

test('with nothing warm and no version named a healthy cube stays open, and the next command is named', async () => {
  const { good } = await goodAndSick();
  await stack.rollBack({ target_version: good });
  await stack.rollback(({ status }) => status === 'completed');
  // The version that was ill has gone: nothing is left to go back to.
  const before = await stack.rollback(() => true);
  const refused = await stack.engine.call('POST', '/v1/cubes/saju-cube/rollback');
  expect(refused).toMatchObject({
    status: 409,
    body: {
      detail: 'No earlier version of saju-cube is warm, and none was named.',
      hint: expect.stringMatching(/^Name one with `cubeshift cubes rollback saju-cube VERSION --wait`; kept are .*\.$/),
    },
  });
  expect(await open()).toBe(true);
  expect(await stack.rollback(() => true)).toEqual(before);
});

describe('a person is called, with users kept from the cube, when', () => {
  test('the version to go back to is no longer there: the cube stays open, and is gone back to the one named next', async () => {
    const { good } = await goodAndSick();
    stack.home.addRelease(fakeRelease('removed'));
    // Nobody is there to carry it out until the release is gone.
    await stack.engine.kill('worker-control');
    expect(await stack.rollBack({ target_version: 'removed' })).toMatchObject({
      status: 'running',
      target_version: 'removed',
      step: 'begin',
      sentence: expect.stringContaining('no control worker is running'),
    });
    rmSync(stack.home.path('releases', 'saju-cube', 'removed.json'));
    stack.engine.startProgram('worker-control');
    const view = await stack.rollback(
      ({ status, target_version: target }) => target === 'removed' && status !== 'running',
    );
    expect(view).toMatchObject({ status: 'escalated', step: 'restore_version' });
    expect(view.sentence).toContain('There is no release removed of saju-cube; kept are');
    expect(view.sentence).toContain('the cube serves its users as before');
    expect(await open()).toBe(true);
    await until('the webhook to be called', () => called.length === 1);
    expect(called[0]).toMatchObject({ cube_id: 'saju-cube', sentence: view.sentence });
    const refused = await stack.engine.call('POST', '/v1/cubes/saju-cube/deploy', { version: '0.1.0' });
    expect(refused.status).toBe(409);
    const path = '/v1/cubes/saju-cube/rollback/acknowledge';
    expect((await stack.engine.call('POST', path, {})).status).toBe(400);
    const variables = { CONTROL_URL: stack.engine.url, CUBE_JWT_SECRET: testSecret };
    const clash = await runCommand(['cubes', 'rollback', 'saju-cube', '--retry', 'A', '--acknowledge', 'B'], variables);
    expect([clash.code, clash.stderr]).toEqual([
      2,
      expect.stringMatching(/--acknowledge.* cannot be used with .*--retry/),
    ]);
    const told = await runCommand(['cubes', 'rollback', 'saju-cube', '--status'], variables);
    expect([told.code, told.stdout]).toEqual([1, expect.stringContaining(view.sentence)]);
    expect(told.stdout).toContain('next: cubeshift cubes rollback saju-cube VERSION --wait');
    const answered = await runCommand(['cubes', 'rollback', 'saju-cube', good, '--wait'], {
      ...variables,
      TEMPORAL_UI_URL: 'http://temporal.example',
      TEMPORAL_NAMESPACE: 'heal7',
    });
    const { run_id } = await stack.rollback();
    expect(run_id).toMatch(/^[\da-f-]{36}$/);
    expect(answered.stderr).toContain(
      `http://temporal.example/namespaces/heal7/workflows/rollback%2Fsaju-cube/${run_id}/user-metadata\n`,
    );
    expect([answered.code, answered.stdout]).toEqual([
      0,
      expect.stringMatching(/^completed: .* serves its users again/),
    ]);
    expect(await stack.rollback()).toMatchObject({
      status: 'completed',
      target_version: good,
      acknowledged_by: 'command-line',
    });
    expect((await stack.engine.call('POST', path, { why: 'again' })).status).toBe(409);
  });

  test('the data does not fit, and tries again when it was mended', async () => {
    const { good, sick } = await goodAndSick();
    await stack.databases.legacy.query(`update saju_records set interpretation = 'changed behind its back'`);
    await stack.rollBack({ target_version: good });
    const view = await stack.rollback();
    expect(view).toMatchObject({ status: 'escalated', step: 'check_consistency', from_version: sick });
    expect(view.sentence).toMatch(/records of the cube differ from those of their owner: \d+ \(interpretation\)/);
    expect(view.sentence).not.toContain('behind its back');
    expect(await open()).toBe(false);
    const kept = JSON.parse(records) as Record<string, { interpretation: string | null }>;
    for (const [id, { interpretation }] of Object.entries(kept))
      await stack.databases.legacy.query('update saju_records set interpretation = $2 where id = $1', [
        id,
        interpretation,
      ]);
    await stack.engine.call('POST', '/v1/cubes/saju-cube/rollback/acknowledge', { why: 'mended', retry: true });
    expect(await stack.rollback(({ status }) => status === 'completed')).toMatchObject({ target_version: good });
    expect(await open()).toBe(true);
  });

  test('what the ledger owns is not in the cube', async () => {
    const { good } = await goodAndSick();
    await stack.engine.startMigration('copied');
    await stack.engine.waitForRest('copied');
    await stack.databases.cube.query('delete from saju.charts where id in (select id from saju.charts limit 3)');
    await stack.rollBack({ target_version: good });
    const view = await stack.rollback();
    expect(view.sentence).toMatch(/3 of \d+ rows that the engine moved are not in the cube/);
    await stack.engine.steer('copied', 'verify');
    await stack.engine.waitFor('copied', 'blocked', ({ status }) => status === 'blocked');
    await stack.engine.steer('copied', 'repair');
    await stack.engine.waitFor('copied', 'verified', ({ status }) => status === 'waiting');
    await stack.engine.call('POST', '/v1/cubes/saju-cube/rollback/acknowledge', { why: 'repaired', retry: true });
    await stack.rollback(({ status }) => status === 'completed');
  });

  test('the restored version falls ill as soon as it has users', async () => {
    const { sick, fall } = await goodAndSick();
    await deployWell(`after-${made}`);
    await stack.rollBack({ target_version: sick, watch_seconds: 60 });
    await stack.rollback(({ step }) => step === 'confirm_health');
    fall();
    const view = await stack.rollback();
    expect(view).toMatchObject({ status: 'escalated', step: 'confirm_health' });
    expect(await open()).toBe(false);
    await stack.engine.call('POST', '/v1/cubes/saju-cube/rollback/acknowledge', { why: 'seen' });
    await stack.rollback(({ status }) => status === 'acknowledged');
    await writeFlags(stack.redis, 'saju', { enabled: true }, { by: 'test', why: 'open again' });
  });
});

describe('faults', () => {
  test.each([0, 400, 900])('a worker killed %i ms after the start: the next one goes on to the end', async (millis) => {
    const { good } = await goodAndSick();
    await stack.rollBack({ target_version: good });
    const killAt = Date.now() + millis;
    await until('the moment', () => Date.now() >= killAt);
    await stack.engine.kill('worker-control');
    stack.engine.startProgram('worker-control');
    const view = await stack.rollback(({ status }) => status !== 'running');
    expect(view.status, view.sentence).toBe('completed');
    expect(view.steps.filter(({ step }) => step === 'switch')).toHaveLength(1);
    expect(await open()).toBe(true);
  });

  test('while Redis is away the kill switch keeps users from the cube, and lets them in when it is back', async () => {
    const { good } = await goodAndSick();
    await stack.ownRedis.kill();
    const file = stack.home.path('kill-switch', 'saju');
    await stack.rollBack({ target_version: good });
    await until('the kill switch to be thrown', () => existsSync(file));
    await stack.ownRedis.revive();
    const view = await stack.rollback();
    expect(view.status, view.sentence).toBe('completed');
    expect(existsSync(file)).toBe(false);
    expect(await readActiveVersion(stack.redis, 'saju-cube')).toBe(good);
  });
});
