import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../src/auth/tokens.js';
import { Failure } from '../../src/base/failures.js';
import type { AuditEntry } from '../../src/domain/audit.js';
import { begunDeployment } from '../../src/domain/deployment/deployment.js';
import { begunRollback, type RollbackView } from '../../src/domain/deployment/rollback.js';
import type { Comparison } from '../../src/domain/models/comparison/comparison.js';
import type { RampView } from '../../src/domain/traffic/ramp/ramp.js';
import { usualSettings } from '../../src/domain/traffic/ramp/settings.js';
import { appendAudit, checkAudit, readAudit } from '../../src/postgres/audit.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { buildControlApp } from '../../src/services/control/app.js';
import type { ControlSettings } from '../../src/services/control/dependencies.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { runCommand } from '../support/command-line.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { watchAnswers } from '../support/documented-answers.js';
import { testSecret } from '../support/engine.js';
import { OwnRedis } from '../support/own-redis.js';

/**
 * What the audit tells of every route that changes something, as the plans take what is asked of them up, refuse it, or do
 * not answer. The plans are answers of this file: everything else is real.
 */
let databases: TestDatabases;
let server: OwnRedis;
let redis: RedisConnection;
let app: FastifyInstance;
let url: string;
let undocumented: ReturnType<typeof watchAnswers>;
let plans: () => Promise<void>;
const storeFolder = mkdtempSync(join(tmpdir(), 'cubeshift-store-'));
const token = issueCubeToken(
  testSecret,
  { cubeId: 'operator', permissions: ['migration:read', 'migration:write'] },
  new Date(),
).token;
const variables = () => ({ CONTROL_URL: url, CUBE_JWT_SECRET: testSecret });

const rollback = begunRollback({
  cubeId: 'saju-cube',
  targetVersion: null,
  by: 'operator',
  readySeconds: 1,
  watchSeconds: 1,
}) satisfies RollbackView;
const ramp: RampView = {
  cube: 'saju',
  workflow_id: 'ramp/saju',
  run_id: 'r',
  status: 'waiting',
  percentage: 0,
  target_percentage: 100,
  steps: [100],
  verdict: null,
  reason: '',
  sentence: '',
  since: '',
  checks: 0,
  checked_at: null,
  evidence: {
    step_watched_seconds: 0,
    step_requests: 0,
    step_failed_requests: 0,
    likelihood_ratio: 0,
    cube_p99_ms: null,
    legacy_p99_ms: null,
    shadow_compared: 0,
    shadow_mismatched: 0,
  },
  rollbacks: [],
  hold_off_until: null,
  settings: usualSettings,
  lowered: [],
  started_by: 'operator',
  actions: ['resume'],
};

const side = { accuracy: 1, mean_absolute_error: null, p50: 1, p95: 1, p99: 1, throughput: 1 };
const passed: Comparison = {
  task: 'classifier',
  n: 100,
  b: 0,
  c: 0,
  difference: 0,
  bound: 0.04,
  limit: 0.05,
  agreement: 1,
  decision: 'activate',
  rows_needed: null,
  legacy: side,
  cube: side,
  test_sha256: 'a'.repeat(64),
  compared_at: '2026-01-01T00:00:00.000Z',
  detail: null,
};

beforeAll(async () => {
  databases = await createDatabases(1);
  await upgradeLedger(databases.cubeUrl);
  await databases.cube.query("insert into ai.models (id, name, active_version_id) values (1, 'tone', 1)");
  await databases.cube.query(
    `insert into ai.model_versions (id, model_id, form, sha256, source_sha256, state, comparison)
       select id, 1, 'float', 'a', 'a', state, $1 from (values (1, 'active'), (2, 'imported')) as made (id, state)`,
    [JSON.stringify(passed)],
  );
  server = await OwnRedis.start();
  redis = connectRedis(server.url, { onError: () => undefined, commandMillis: 1000 });
  const away = () => Promise.reject(new Failure('temporal_unreachable', 'Nobody is there.'));
  const nothing = async () => undefined;
  const settings: ControlSettings = {
    admits: () => true,
    cube: databases.cube,
    redis,
    workflows: {
      start: async () => plans().then(() => ({ runId: 'run' })),
      steer: async (_kind, id, action) => {
        await plans();
        // A plan puts on record what it accepts.
        await databases.cube.query("insert into ledger.events (migration_id, what, by) values ($1, $2, 'plan')", [
          id,
          action,
        ]);
        return 'accepted';
      },
      startAgain: async () => 'accepted',
      reachable: async () => true,
      close: nothing,
    },
    cubeWorkflows: {
      deploy: (input) => plans().then(() => begunDeployment(input)),
      rollBack: (input) => plans().then(() => begunRollback(input)),
      recordAct: away,
      acknowledge: () => plans().then(() => rollback),
      deployment: away,
      rollback: async () => rollback,
      close: nothing,
    },
    ramps: {
      start: () => plans(),
      isKnown: async () => true,
      view: async () => ramp,
      steer: async () => plans().then(() => ramp),
      close: nothing,
    },
    keptVersions: nothing,
    warmVersionOf: async () => '1',
    store: () => createFolderStore(storeFolder),
    moveTarget: async (to) => createFolderStore(to),
    reach: () => undefined,
    maxInstances: 8,
    calls: { call: nothing },
    secret: () => testSecret,
    tokens: createTokenVerifier({ current: testSecret }, () => new Date()),
    clock: () => new Date(),
    logger: false,
  };
  app = await buildControlApp(settings);
  undocumented = watchAnswers(app);
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await app.close();
  rmSync(storeFolder, { recursive: true });
  expect(undocumented()).toEqual([]);
  redis.disconnect();
  await server.stop();
  await databases.drop();
});

async function send(method: string, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${url}${path}`, {
    method: method.toUpperCase(),
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function newest(): Promise<AuditEntry> {
  const [entry] = await readAudit(databases.cube, { before: String(2 ** 50), limit: 1 });
  return entry ?? expect.fail('the audit is empty');
}

/** The routes that change something, as the API itself names them. */
async function changingRoutes() {
  const { body } = await send('get', '/openapi.json', undefined);
  return Object.entries(body.paths as Record<string, Record<string, { parameters?: { name: string }[] }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method !== 'get' && method !== 'head')
        .map(([method, { parameters = [] }]) => ({ method, path, parameters: parameters.map(({ name }) => name) })),
  );
}

const bodies: Readonly<Record<string, (made: string) => unknown>> = {
  '/v1/migrations/{id}': (made) => ({ id: made }),
  '/v1/migrations/{id}/rejects/accept': () => ({ all: true, by: 'kim', why: 'seen' }),
  '/v1/traffic/{cube}': () => ({ enabled: true }),
  '/v1/traffic/{cube}/ramp/set': () => ({ percentage: 5 }),
  '/v1/traffic/{cube}/ramp/alarm': () => ({ why: 'it burns' }),
  '/v1/cubes/{id}/deploy': () => ({ version: '1' }),
  '/v1/cubes/{id}/scale': () => ({ instances: 2 }),
  '/v1/cubes/{id}/rollback/acknowledge': () => ({ why: 'seen' }),
  '/v1/models/{name}/activate': () => ({ version_id: 2 }),
  '/v1/blobs/sweep': () => ({ dry_run: false }),
  '/v1/blobs/move': () => ({ to: join(storeFolder, 'another') }),
};

const claimed = { 'x-claimed-by': encodeURIComponent('김 민준'), 'x-os-user': 'mj' };

test.each([
  ['done', undefined],
  ['refused', new Failure('not_at_this_stage', 'That does not fit.')],
  ['unknown', new Failure('temporal_unreachable', 'Nobody answered.')],
] as const)('each route records in the audit what was requested, by whom, and that it is %s', async (what, failure) => {
  const routes = await changingRoutes();
  expect(routes.length).toBeGreaterThan(20);
  await databases.cube.query('update ledger.migrations set finished_at = now() where finished_at is null');
  // Begun by the first of the routes; the others steer it.
  const run = `begun-${what}`;
  plans = () => (failure === undefined ? Promise.resolve() : Promise.reject(failure));
  const isStart = ({ path }: { path: string }) => path === '/v1/migrations/{id}';
  for (const { method, path, parameters } of [...routes.filter(isStart), ...routes.filter((one) => !isStart(one))]) {
    // Weights, active versions and sweeps are carried out by this program itself, and no plan can refuse them.
    if (/^\/v1\/(traffic\/\{cube\}$|models\/|blobs\/)/.test(path) && failure !== undefined) continue;
    expect(parameters, path).toEqual(expect.arrayContaining(['x-claimed-by', 'x-os-user']));
    const id = isStart({ path }) ? 'saju-records' : path.startsWith('/v1/cubes') ? 'saju-cube' : run;
    const before = (await checkAudit(databases.cube)).head?.seq ?? 0;
    const answer = await send(
      method,
      path.replace('{id}', id).replace('{cube}', 'saju').replace('{name}', 'tone'),
      bodies[path]?.(run),
      claimed,
    );
    expect([answer.status], `${path} ${JSON.stringify(answer.body)}`).toEqual(
      failure === undefined ? [expect.toBeOneOf([200, 202])] : [what === 'refused' ? 409 : 503],
    );
    const entry = await newest();
    expect(entry.seq, path).toBe(before + 1);
    expect(entry.action, path).toMatch(/^(migration|ramp|traffic|cube|model|blobs)\.[a-z/.]+$/);
    expect(entry, path).toMatchObject({
      actor: 'operator',
      outcome: { what, ...(failure === undefined ? {} : { reason: failure.type }) },
      details: {
        claimed_by: '김 민준',
        os_user: 'mj',
        token_sha256: createHash('sha256').update(token).digest('hex').slice(0, 16),
      },
    });
    // An emergency goes before its record, which then says both.
    expect(entry.outcome?.entry?.seq, path).toBe(
      path.endsWith('/rollback') && id === 'saju-cube' ? undefined : before + 2,
    );
  }
  expect(JSON.stringify(await readAudit(databases.cube, { before: String(2 ** 50), limit: 1000 }))).not.toContain(
    token,
  );
  expect((await checkAudit(databases.cube)).broken).toBeNull();
});

test('an act in whose middle the program died has an unknown outcome', async () => {
  const dead = { actor: 'operator', action: 'cube.scale', subject: 'saju-cube', details: { instances: 3 } };
  await appendAudit(databases.cube, dead);
  expect((await newest()).outcome).toBeUndefined();
  const listed = await runCommand(['audit', 'list', '--limit', '1'], variables());
  expect(listed.stdout).toMatch(/cube\.scale +saju-cube +unknown +instances 3/);
});

test('what only looks like the outcome of an act is an entry of its own', async () => {
  const act = { actor: 'operator', action: 'cube.scale', subject: 'saju-cube', details: {} };
  const { seq } = await appendAudit(databases.cube, act);
  const outcome = { ...act, action: 'cube.scale.done', details: { of: seq } };
  const forged = [
    { ...outcome, actor: 'somebody' },
    { ...outcome, subject: 'another' },
    { ...outcome, action: 'cube.restart.done' },
    { ...outcome, details: { of: seq + 1 } },
    { ...outcome, details: { of: seq + 6 } },
    ...['x', '1e400', '99999999999999999999', null, { a: 1 }].map((of) => ({ ...outcome, details: { of } })),
  ];
  for (const one of forged) await appendAudit(databases.cube, one);
  const told = await appendAudit(databases.cube, { ...outcome, action: 'cube.scale.refused' });
  await appendAudit(databases.cube, outcome);
  await appendAudit(databases.cube, { ...act, action: 'cube.scale.refused.done', details: { of: told.seq } });
  const items = await readAudit(databases.cube, { before: String(2 ** 50), limit: forged.length + 3 });
  expect(items.at(-1)).toMatchObject({ seq, outcome: { what: 'refused', entry: told } });
  // The second word on the same act contradicts the first: it stands there to be seen, as the others do.
  expect(items.slice(0, -1).map(({ action, outcome: of }) => [action, of])).toEqual(
    ['cube.scale.refused.done', 'cube.scale.done', ...forged.map(({ action }) => action).reverse()].map((action) => [
      action,
      undefined,
    ]),
  );
});

test.each([
  ['x-claimed-by', ''],
  ['x-claimed-by', '%00'],
  ['x-claimed-by', '%1b%5B31m'],
  ['x-claimed-by', '%E2%80%AEgnik'],
  ['x-claimed-by', '%20'],
  ['x-claimed-by', '%ff'],
  ['x-claimed-by', 'a b'],
  ['x-os-user', 'x'.repeat(101)],
  ['x-os-user', '%'],
])('%s: %j is refused and nothing put on record', async (header, value) => {
  plans = async () => undefined;
  const before = await checkAudit(databases.cube);
  const answer = await send('post', '/v1/cubes/saju-cube/rollback', undefined, { [header]: value });
  expect(answer).toMatchObject({ status: 400, body: { type: 'invalid_input', field: `headers.${header}` } });
  expect(await checkAudit(databases.cube)).toEqual(before);
});

test('--by names a person in addition to the operating system’s user, before or behind the command', async () => {
  plans = () => Promise.reject(new Failure('conflict', 'Another change is under way.'));
  for (const args of [
    ['--by', '이 서연', 'cubes', 'restart', 'saju-cube'],
    ['cubes', 'restart', 'saju-cube', '--by', '이 서연'],
  ]) {
    expect((await runCommand(args, variables())).code, args.join(' ')).not.toBe(0);
    expect(await newest()).toMatchObject({
      actor: 'command-line',
      action: 'cube.restart',
      details: { claimed_by: '이 서연', os_user: expect.stringMatching(/./) },
      outcome: { what: 'refused', reason: 'conflict' },
    });
  }
  const { stdout } = await runCommand(['audit', 'list', '--limit', '1'], variables());
  expect(stdout).toMatch(/command-line \(says: 이 서연, OS user \S+\) +cube\.restart +saju-cube +refused: conflict/);
  const before = await checkAudit(databases.cube);
  const odd = await runCommand(['--by', 'a\u001b[31m', 'cubes', 'restart', 'saju-cube'], variables());
  expect(odd.code).toBe(2);
  expect(await checkAudit(databases.cube)).toEqual(before);
});
