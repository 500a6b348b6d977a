import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildPaperworkService } from '../../legacy/paperwork-service/app.js';
import { packageRoot, packageVersion } from '../../src/base/package-root.js';
import type { Release } from '../../src/domain/deployment/releases.js';
import type { RampView } from '../../src/domain/traffic/ramp/ramp.js';
import { readActiveVersion } from '../../src/registry/instances.js';
import { choosePort } from '../../src/state/ports.js';
import { writeFlags } from '../../src/traffic/flags.js';
import { until } from '../support/conditions.js';
import { CubeStack } from '../support/cube-stack.js';
import { testSecret } from '../support/engine.js';
import { FileClerks } from '../support/file-clerks.js';
import { userSecret } from '../support/gateway.js';
import { ServiceProcess } from '../support/service-process.js';

/** Users of files on real parts: gateway, legacy's service, versions of the paperwork cube as processes, and the engine that moves users. */
const root = mkdtempSync(join(tmpdir(), 'cubeshift-paperwork-traffic-'));
const [folder, storeFolder, wrongWhen] = [join(root, 'files'), join(root, 'store'), join(root, 'wrong')];
const rows = 30;
const limit = 300_000;
let stack: CubeStack;
let legacy: ReturnType<typeof buildPaperworkService>;
let gateway: ServiceProcess;
let clerks: FileClerks;

/** The paperwork cube; one that is told to answers other contents. */
function release(version: string, env: Readonly<Record<string, string>> = {}): Release {
  return {
    cube_id: 'paperwork-cube',
    version,
    command: process.execPath,
    args: [join(packageRoot(), 'dist', 'src', 'services', 'paperwork', 'main.js')],
    env: { LEGACY_STORAGE_DIR: folder, CUBE_STORAGE_URL: storeFolder, LOG_LEVEL: 'error', ...env },
    created_at: new Date().toISOString(),
  };
}

const faulty = (version: string) => {
  const script = pathToFileURL(join(packageRoot(), 'test', 'support', 'wrong-contents.mjs')).href;
  return release(version, { NODE_OPTIONS: `--import=${script}`, WRONG_WHEN: wrongWhen });
};

beforeAll(async () => {
  mkdirSync(folder);
  const port = await choosePort(0, new Set());
  const legacyUrl = `http://127.0.0.1:${port}`;
  stack = await CubeStack.start(release(packageVersion()), {
    records: 0,
    bulkWorkers: 1,
    environment: { LEGACY_PAPERWORK_URL: legacyUrl },
    bulkEnvironment: { LEGACY_STORAGE_DIR: folder, CUBE_STORAGE_URL: storeFolder },
  });
  legacy = buildPaperworkService({
    pool: stack.databases.legacy,
    folder: { path: folder, variable: 'LEGACY_STORAGE_DIR' },
  });
  await legacy.listen({ host: '127.0.0.1', port });
  await move();
  stack.home.addRelease(release('1'));
  expect(await stack.deploy('1', { instances: 1, watch_seconds: 1 })).toMatchObject({ status: 'done' });
  gateway = await ServiceProcess.start('gateway', {
    REDIS_URL: stack.ownRedis.url,
    CUBE_JWT_SECRET: testSecret,
    USER_JWT_SECRET: userSecret,
    LEGACY_PAPERWORK_URL: legacyUrl,
    STATE_DIR: root,
    INSTANCE_ID: 'gateway-1',
    GATEWAY_WINDOW_SECONDS: '1',
    GATEWAY_RATE_PER_SECOND: '0',
    GATEWAY_ADDRESS_RATE_PER_SECOND: '0',
  });
});
beforeEach(async () => {
  await weigh(0);
  clerks = new FileClerks(gateway.url);
  clerks.start();
});
afterEach(async () => {
  rmSync(wrongWhen, { force: true });
  await clerks.close();
});
afterAll(async () => {
  await gateway?.end('SIGTERM');
  await legacy?.close();
  await stack?.stop();
  rmSync(root, { recursive: true, force: true });
});

/** Moves the files that legacy has before any user comes, so that the ledger and the store hold some. */
async function move(): Promise<void> {
  const { legacy } = stack.databases;
  await legacy.query('delete from paperwork_results; delete from paperwork_files');
  for (let id = 1; id <= rows; id++) {
    writeFileSync(join(folder, `${id}.txt`), `content ${id}`);
    await legacy.query(
      `insert into paperwork_files (path, size, mime_type, created_at) values ($1, $2, 'text/plain', now())`,
      [`${id}.txt`, `content ${id}`.length],
    );
  }
  const { engine } = stack;
  expect((await engine.call('POST', '/v1/migrations/paperwork-files', { id: 'moved' })).status).toBe(202);
  const view = await engine.waitFor('moved', 'verified', ({ stage }) => stage === 'verified');
  expect(view.progress).toMatchObject({ migrated: rows, rejected: 0 });
}

const weigh = (percentage: number) =>
  writeFlags(stack.redis, 'paperwork', { enabled: true, percentage }, { by: 'test', why: 'weight' });
const weightNow = async () => Number(await stack.redis.get('paperwork_cube_user_percentage'));

/** Waits until so many more requests were served by a side. */
async function served(side: 'legacy' | 'cube', more: number): Promise<void> {
  const wanted = clerks.byTarget[side] + more;
  await until(`${more} more answers of ${side}`, () => clerks.byTarget[side] >= wanted, 120_000);
}

async function expectNothingLost(): Promise<void> {
  await clerks.stop();
  expect(clerks.uploads.length).toBeGreaterThan(5);
  expect(await clerks.countLost()).toBe(0);
}

const quick = {
  steps: [5, 50, 100],
  interval_seconds: 1,
  check_interval_seconds: 1,
  minimums: { requests: 20, users: 3 },
  slow_seconds: 60,
};

async function ramp(more: object = {}): Promise<void> {
  const { status, body } = await stack.engine.call('POST', '/v1/traffic/paperwork/ramp', { ...quick, ...more });
  expect([status, (body as { detail?: string }).detail]).toEqual([202, undefined]);
}

function rampIs(what: string, fits: (view: RampView) => boolean): Promise<RampView> {
  let last: RampView | undefined;
  return until(
    `the ramp to be ${what}`,
    async () => {
      last = (await stack.engine.call('GET', '/v1/traffic/paperwork/ramp')).body as RampView;
      return fits(last) && last;
    },
    120_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; it is ${last?.status}: ${last?.sentence}`);
  });
}

/** What the gateway has counted of the comparison of contents. */
async function comparedContents(): Promise<{ readonly compared: number; readonly mismatched: readonly string[] }> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const route = 'cube="paperwork",route="/api/paperwork/files/:id/content"';
  const compared = Number(text.split(`gateway_shadow_compared_total{${route}} `)[1]?.split('\n')[0] ?? 0);
  const lines = text.split('\n').filter((line) => line.startsWith(`gateway_shadow_mismatched_total{${route}`));
  return { compared, mismatched: lines.map((line) => /field="([^"]+)"/.exec(line)?.[1] ?? line) };
}

test('a new version takes the traffic while users upload and download, and nothing is lost or refused', {
  timeout: limit,
}, async () => {
  await weigh(50);
  await served('cube', 10);
  stack.home.addRelease(release('2'));
  const view = await stack.deploy('2', { instances: 1, watch_seconds: 1 });
  expect(view, view.sentence).toMatchObject({ status: 'done', version: '2', previous_version: '1' });
  await served('cube', 10);
  await expectNothingLost();
  expect({ refused: clerks.refused, wrong: clerks.wrong }).toEqual({ refused: [], wrong: 0 });
});

test('users go over to the cube and back while they upload and download, and contents are the same on both sides', {
  timeout: limit,
}, async () => {
  await ramp();
  const view = await rampIs('completed', ({ status }) => status === 'completed');
  expect(view, view.sentence).toMatchObject({ percentage: 100, rollbacks: [] });
  await served('cube', 30);
  await until('contents to be compared', async () => (await comparedContents()).compared > 3);
  await weigh(0);
  await served('legacy', 30);
  await expectNothingLost();
  expect({ refused: clerks.refused, wrong: clerks.wrong }).toEqual({ refused: [], wrong: 0 });
  expect((await comparedContents()).mismatched).toEqual([]);
  expect(Math.min(clerks.byTarget.cube, clerks.byTarget.legacy)).toBeGreaterThan(30);
});

test('a cube that begins to answer other contents is left by itself, then taken back, and uploads are whole', {
  timeout: limit,
}, async () => {
  const before = await readActiveVersion(stack.redis, 'paperwork-cube');
  stack.home.addRelease(faulty('faulty'));
  expect(await stack.deploy('faulty', { instances: 1, watch_seconds: 1 })).toMatchObject({ status: 'done' });
  await ramp({ steps: [50, 100], interval_seconds: 600 });
  await rampIs('at 50 %', ({ percentage }) => percentage === 50);
  await served('cube', 10);
  writeFileSync(wrongWhen, '');
  const back = await rampIs('back', ({ status }) => status === 'holding_off');
  expect(back, back.sentence).toMatchObject({ percentage: 0, verdict: 'back', reason: 'shadow_mismatch' });
  expect(back.sentence).toContain('In the shadow comparison body.sha256 of /api/paperwork/files/:id/content differs');
  expect(await weightNow()).toBe(0);
  expect((await stack.engine.call('DELETE', '/v1/traffic/paperwork/ramp')).status).toBeLessThan(300);
  await served('legacy', 10);
  expect(clerks.wrong).toBeGreaterThan(0);

  await weigh(50);
  await stack.rollBack({ ...(before === null ? {} : { target_version: before }) });
  const view = await stack.rollback();
  expect(view, view.sentence).toMatchObject({ status: 'completed', target_version: before, from_version: 'faulty' });
  expect(view.steps.map(({ step }) => step)).toContain('check_consistency');
  expect(await readActiveVersion(stack.redis, 'paperwork-cube')).toBe(before);
  expect(await weightNow()).toBe(50);
  const wrongBefore = clerks.wrong;
  await served('cube', 20);
  expect(clerks.wrong).toBe(wrongBefore);
  await expectNothingLost();
});
