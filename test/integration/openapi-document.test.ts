import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeploymentView } from '../../src/domain/deployment/deployment.js';
import type { RollbackView } from '../../src/domain/deployment/rollback.js';
import { ApiCaller, type NamedOperation } from '../support/api-caller.js';
import { ApiStack } from '../support/api-stack.js';
import { until } from '../support/conditions.js';
import { documentedAnswers, loggedAnswers } from '../support/documented-answers.js';
import { testSecret } from '../support/engine.js';
import { RecordedExamples } from '../support/recorded-examples.js';

/**
 * Every operation of the control API answers each status that its document names, and no other; the examples in the document
 * are these answers. `node scripts/record-examples.mjs` records them anew.
 */
const examples = new RecordedExamples();
let stack: ApiStack;
let api: ApiCaller;
/** Its servers are away: what it answers all the same is no example. */
let spoiled: ApiCaller;

beforeAll(async () => {
  stack = await ApiStack.start({ records: 2000, versions: { '1.0.0': 'good', '1.1.0': 'good' } });
  api = new ApiCaller(stack.engine, (...exchange) => examples.note(...exchange));
  spoiled = new ApiCaller(stack.engine, (operation, request, answer) => {
    if (answer.status >= 400) examples.note(operation, request, answer);
  });
});
afterAll(() => stack.stop());

/** Statuses that no call here can bring about, and why. */
const justified: Readonly<Record<string, string>> = {
  'cutoverMigration 202': 'only a migration of mode live can be cut over; this version has none',
};

const saju = { id: 'saju' };
const cube = { id: 'saju-cube' };
const kind = { id: 'saju-records' };
const first = { id: 'saju-2026' };
const cancelled = { id: 'cancelled' };
const model = { id: 'korean-reviews' };

test('before anything was done', async () => {
  for (const operation of ['getHealth', 'getReadiness', 'getMetrics', 'listCubes', 'listKnownSecrets'])
    await api.call(operation, 200);
  await api.call('getCube', 200, cube);
  await api.call('getTraffic', 200, saju);
  await api.call('rollbackCube', 409, cube);
  await api.call('acknowledgeRollback', 409, { ...cube, body: { why: 'looked at by hand' } });
});

test('migrations that are given up', async () => {
  for (const [id, action] of [
    ['cancelled', 'cancelMigration'],
    ['rolled-back', 'rollbackMigration'],
  ] as const) {
    await api.call('startMigration', 202, { ...kind, body: { id } });
    await stack.engine.waitFor(id, 'past its preflight', ({ stage }) => stage !== 'preflight');
    await api.call(action, 202, { id });
    await stack.engine.waitFor(id, 'ended', ({ finished_at }) => finished_at !== null);
    await api.call(action, 409, { id });
  }
  for (const action of ['resumeMigration', 'verifyMigration', 'repairMigration', 'retryRejects'])
    await api.call(action, 409, cancelled);
  await api.call('acceptRejects', 409, { ...cancelled, body: { all: true, by: 'kim', why: 'too late' } });
  await api.call('followMigration', 200, cancelled);
});

test('a migration from its start to the acceptance of its rejects', async () => {
  const options = { rows_per_second: 1000, lanes: 1 };
  await api.call('startMigration', 202, { ...kind, body: { id: first.id, mode: 'copy', options } });
  await api.call('startMigration', 409, { ...kind, body: { id: 'another' } });
  await stack.engine.waitFor(first.id, 'copying', ({ stage }) => stage === 'copying');
  await api.call('completeMigration', 409, first);
  await api.call('cutoverMigration', 409, { ...first, body: {} });
  await api.call('pauseMigration', 202, first);
  await stack.engine.waitFor(first.id, 'paused', ({ status }) => status === 'paused');
  await api.call('pauseMigration', 409, first);
  await api.call('resumeMigration', 202, first);
  await api.call('getMigration', 200, first);
  await stack.engine.waitFor(first.id, 'at rest', ({ status }) => status === 'waiting');
  await api.call('listMigrations', 200);
  await stack.databases.legacy.query(`update saju_records set interpretation = 'changed' where id = 1`);
  await api.call('verifyMigration', 202, first);
  await stack.engine.waitFor(first.id, 'blocked', ({ status }) => status === 'blocked');
  await api.call('repairMigration', 202, first);
  await stack.engine.waitFor(first.id, 'at rest', ({ status }) => status === 'waiting');
  await api.call('summarizeRejects', 200, first);
  await api.call('listRejects', 200, { ...first, query: '?limit=3' });
  const [id = ''] = stack.databases.rejected.keys();
  await api.call('retryRejects', 202, { ...first, body: { ids: [id] } });
  await stack.engine.waitFor(first.id, 'at rest', ({ status, pending }) => status === 'waiting' && pending === null);
  await api.call('acceptRejects', 202, {
    ...first,
    body: { all: true, by: 'kim', why: 'wrong in legacy for years; the users were told' },
  });
  await stack.engine.waitFor(first.id, 'ready to be completed', ({ actions }) => actions.includes('complete'));
  await api.call('getReport', 200, first);
});

test('files without a row', async () => {
  await api.call('listFilesWithoutRows', 404, first);
  const id = 'paper';
  await stack.databases.cube.query(
    `insert into ledger.migrations (id, kind, mode, options, workflow_id, status, stage, started_by, finished_at)
     values ($1, 'paperwork-files', 'copy', '{}', 'paperwork-files/' || $1, 'cancelled', 'done', 'test', now())`,
    [id],
  );
  await stack.databases.cube.query(
    `with verified as (insert into ledger.verifications (migration_id) values ($1) returning id)
     insert into paperwork.files_without_rows (verification_id, path, size)
     select id, convert_to('2020/' || n || '.pdf', 'UTF8'), n * 1000 from verified, generate_series(1, 3) as n`,
    [id],
  );
  await api.call('listFilesWithoutRows', 200, { id, query: '?limit=2' });
});

test('versions of a model', async () => {
  await putModel();
  await api.call('listModels', 200);
  await api.call('listModelVersions', 200, model);
  await api.call('rollBackModel', 409, model);
  await api.call('activateModelVersion', 409, { ...model, body: { version_id: 3 } });
  await api.call('activateModelVersion', 200, { ...model, body: { version_id: 2 } });
  await api.call('rollBackModel', 200, model);
});

test('what nothing refers to leaves the store', async () => {
  const { cube: pool } = stack.databases;
  const forgotten = 'd'.repeat(64);
  mkdirSync(join(stack.storeFolder, '.staging'), { recursive: true });
  await pool.query(
    "insert into storage.blobs (sha256, size, stored_at, stored_by) values ($1, 4096, '2026-01-02T03:04:06Z', 'ai-models')",
    [forgotten],
  );
  await api.call('sweepBlobs', 200, { body: { dry_run: true } });
  await pool.query(`insert into ledger.migrations (id, kind, mode, options, workflow_id, started_by, status, run_id)
    values ('models', 'ai-models', 'copy', '{}', 'ai-models/models', 'test', 'paused', 'r')`);
  await api.call('sweepBlobs', 409, { body: { dry_run: false } });
  await api.call('moveBlobs', 409, { body: { to: join(stack.storeFolder, '..', 'moved') } });
  await pool.query(`delete from ledger.migrations where id = 'models'`);
  await api.call('sweepBlobs', 200, { body: { dry_run: false } });
  await api.call('moveBlobs', 200, { body: { to: join(stack.storeFolder, '..', 'moved') } });
});

test('versions of a cube', async () => {
  const deployed = () =>
    until('the change of the cube to end', async () => {
      const view = (await api.call('getDeployment', 200, cube)) as DeploymentView;
      return view.status !== 'running' && view;
    });
  await api.call('getDeployment', 404, cube);
  await api.call('deployCube', 202, { ...cube, body: { version: '1.1.0', instances: 1, watch_seconds: 1 } });
  for (const operation of ['deployCube', 'restartCube'])
    await api.call(operation, 409, { ...cube, ...(operation === 'deployCube' ? { body: { version: '1.1.0' } } : {}) });
  expect(await deployed()).toMatchObject({ status: 'done' });
  await api.call('restartCube', 202, cube);
  expect(await deployed()).toMatchObject({ status: 'done' });
  await api.call('scaleCube', 409, { ...cube, body: { instances: 999 } });
  await api.call('scaleCube', 202, { ...cube, body: { instances: 2 } });
  expect(await deployed()).toMatchObject({ status: 'done' });
  await api.call('listCubes', 200);
  await api.call('getCube', 200, cube);
});

test('traffic by hand and by a ramp', async () => {
  const change = { enabled: true, percentage: 1, why: 'the first users' };
  await api.call('setTraffic', 200, { ...saju, body: change });
  await api.call('setTraffic', 409, { ...saju, body: { percentage: 5, only_if_percentage: 3 } });
  await api.call('getTraffic', 200, saju);
  await api.call('getRamp', 404, saju);
  const ramp = { steps: [10, 50, 100], interval_seconds: 600 };
  await api.call('startRamp', 202, { ...saju, body: ramp });
  await api.call('startRamp', 409, { ...saju, body: ramp });
  await api.call('getRamp', 200, saju);
  await api.call('pauseRamp', 202, saju);
  await api.call('pauseRamp', 409, saju);
  await api.call('resumeRamp', 202, saju);
  await api.call('setRamp', 202, { ...saju, body: { percentage: 20, why: 'a day without complaints' } });
  await api.call('alarmRamp', 202, { ...saju, body: { why: 'users call about wrong pillars' } });
  await api.call('stopRamp', 202, saju);
  await api.call('resumeRamp', 409, saju);
  await api.call('setRamp', 409, { ...saju, body: { percentage: 30 } });
  await api.call('alarmRamp', 409, { ...saju, body: { why: 'too late' } });
  await api.call('stopRamp', 409, saju);
});

test('an emergency rollback that needs a person', async () => {
  await api.call('rollbackCube', 202, { ...cube, body: { target_version: '1.0.0' } });
  await until('the rollback to wait for a person', async () => {
    const { status } = (await api.call('getRollback', 200, cube)) as RollbackView;
    return status === 'escalated';
  });
  await api.call('acknowledgeRollback', 202, { ...cube, body: { why: 'the test cube has no records to compare' } });
  await until('the rollback to be over', async () => {
    const { status } = (await api.call('getRollback', 200, cube)) as RollbackView;
    return status === 'acknowledged';
  });
});

test('the audit of all that', async () => {
  await api.call('listAudit', 200, { query: '?limit=2' });
  await api.call('checkAudit', 200);
});

/** Bodies of operations that need one, as they are well-formed. */
const bodies: Readonly<Record<string, unknown>> = {
  startMigration: { id: 'another' },
  acceptRejects: { all: true, by: 'kim', why: 'seen' },
  setTraffic: { enabled: true },
  setRamp: { percentage: 5 },
  alarmRamp: { why: 'users call' },
  deployCube: { version: '1.1.0' },
  scaleCube: { instances: 2 },
  activateModelVersion: { version_id: 1 },
  sweepBlobs: { dry_run: false },
  moveBlobs: { to: '/srv/contents' },
  acknowledgeRollback: { why: 'seen' },
  rollbackCube: { target_version: '1.0.0' },
};

function requestOf({ operationId, path }: NamedOperation) {
  return { ...placeOf(operationId, path), ...(operationId in bodies ? { body: bodies[operationId] } : {}) };
}

function placeOf(operationId: string, path: string) {
  if (operationId === 'startMigration') return kind;
  // The stream of a run that goes on does not end.
  if (operationId === 'followMigration') return cancelled;
  if (path.startsWith('/v1/cubes')) return cube;
  if (path.startsWith('/v1/models')) return model;
  return path.startsWith('/v1/traffic') ? saju : first;
}

test('requests that are refused before they do anything', async () => {
  for (const operation of api.operations.values()) {
    const { operationId, permission, method } = operation;
    const request = requestOf(operation);
    const isRead = method === 'get';
    await api.call(
      operationId,
      401,
      permission === undefined
        ? { ...request, headers: { authorization: 'Bearer x' } }
        : { ...request, permissions: null },
    );
    if (permission !== undefined) await api.call(operationId, 403, { ...request, permissions: [] });
    await api.call(operationId, 414, { ...request, query: `?${'a'.repeat(8200)}` });
    const headers = Object.fromEntries(Array.from({ length: 101 }, (_, place) => [`x-${place}`, 'a']));
    await api.call(operationId, 431, { ...request, headers });
    if (isRead) {
      await spoiled.answer(operationId, { ...request, id: 'NOT_AN_ID', query: '?limit=0' });
    } else {
      const wrong = operationId === 'stopRamp' ? { headers: { 'x-os-user': '%' } } : { body: { wrong: true } };
      await api.call(operationId, 400, { ...request, ...wrong });
      await api.call(operationId, 413, { ...request, body: { why: 'a'.repeat(2 * 1024 * 1024) } });
      await api.call(operationId, 415, { ...request, body: 'why', headers: { 'content-type': 'text/plain' } });
    }
    const unknown =
      operationId === 'acknowledgeRollback'
        ? { body: { why: 'x', retry: true, target_version: '9' } }
        : { id: 'not-there' };
    if (operation.path.includes('{')) await api.call(operationId, 404, { ...request, ...unknown });
  }
});

/** Needs no database, and would be carried out. */
const withoutDatabase = new Set(['rollbackCube']);

test.each(['missing', 'failing', 'away'] as const)('while the cube database is %s', async (state) => {
  const restore = await spoilDatabase(state);
  try {
    const called = [...api.operations.values()].filter(({ operationId }) => !withoutDatabase.has(operationId));
    await Promise.all(called.map((operation) => spoiled.answer(operation.operationId, requestOf(operation))));
  } finally {
    await restore();
  }
  await until('the API to be ready again', async () => (await api.answer('getReadiness')).status === 200);
});

test('while Temporal is away', async () => {
  stack.temporal.refuse();
  try {
    await Promise.all([...api.operations.values()].map((one) => spoiled.answer(one.operationId, requestOf(one))));
  } finally {
    stack.temporal.heal();
  }
});

test('while Redis is away', async () => {
  await stack.redis.kill();
  for (const operation of ['listCubes', 'getCube', 'listKnownSecrets', 'getTraffic', 'setTraffic', 'startRamp'])
    await spoiled.call(operation, 503, requestOf(api.operations.get(operation) ?? expect.fail(operation)));
  await stack.redis.revive();
});

test('the migration is accepted at last', async () => {
  await until('the plan to answer again', async () => (await api.answer('completeMigration', first)).status === 202);
});

test('each status of the document was answered, and no other', () => {
  const documented = documentedAnswers(stack.engine.document);
  const answered = loggedAnswers(stack.engine.document, stack.engine.logOf('control'));
  expect([...answered].filter((one) => !documented.has(one)).sort()).toEqual([]);
  expect([...documented].filter((one) => !answered.has(one)).sort()).toEqual(Object.keys(justified));
});

test('the examples of the document have the fields of these answers', () => {
  if (process.env.CUBESHIFT_RECORD_EXAMPLES !== undefined) examples.write();
  expect(examples.differences()).toEqual([]);
});

test('the document holds no token, no secret and no contents of records', async () => {
  const text = JSON.stringify(stack.engine.document);
  expect(text).toContain('"payload":{"id":"(left out)"');
  expect(text).not.toContain('eyJ');
  expect(text).not.toContain(testSecret);
  const { rows } = await stack.databases.legacy.query<{ text: string }>(
    'select user_id as text from saju_records union select interpretation from saju_records',
  );
  const contents = rows.map((row) => row.text).filter((one) => one !== null && one.length > 8);
  expect(contents.filter((one) => text.includes(JSON.stringify(one).slice(1, -1)))).toEqual([]);
});

/** Takes ledger, audit and models away from the control API: as if they were not there, or behind a function that fails. */
async function spoilDatabase(state: 'missing' | 'failing' | 'away'): Promise<() => Promise<void>> {
  const { cubeDatabase, databases } = stack;
  if (state === 'away') {
    cubeDatabase.refuse();
    return async () => cubeDatabase.heal();
  }
  const schemas = ['ledger', 'audit', 'ai'];
  for (const schema of schemas) {
    await databases.cube.query(`alter schema ${schema} rename to ${schema}_away`);
    if (state === 'failing') await putFailingViews(schema);
  }
  return async () => {
    for (const schema of schemas) {
      await databases.cube.query(`drop schema if exists ${schema} cascade`);
      await databases.cube.query(`alter schema ${schema}_away rename to ${schema}`);
    }
  };
}

async function putFailingViews(schema: string): Promise<void> {
  const { cube: pool } = stack.databases;
  await pool.query(`create schema ${schema}`);
  await pool.query(`create function ${schema}.fail() returns boolean stable language plpgsql as
    $$ begin raise exception 'fails'; end $$`);
  const { rows } = await pool.query<{ name: string }>(
    'select table_name as name from information_schema.tables where table_schema = $1',
    [`${schema}_away`],
  );
  for (const { name } of rows)
    await pool.query(`create view ${schema}.${name} as select * from ${schema}_away.${name} where ${schema}.fail()`);
}

/** A model with three versions: one that predicts, an int8 form that passed its comparison, and one that lost too much. */
async function putModel(): Promise<void> {
  const sides = { accuracy: 0.938, mean_absolute_error: null, p50: 1.4, p95: 2.1, p99: 3.2, throughput: 2400 };
  const comparison = {
    task: 'classifier',
    n: 500,
    b: 0,
    c: 0,
    difference: 0,
    bound: 0.0076,
    limit: 0.05,
    agreement: 1,
    decision: 'activate',
    rows_needed: null,
    legacy: sides,
    cube: sides,
    test_sha256: 'c'.repeat(64),
    compared_at: '2026-01-02T03:04:05.000Z',
    detail: null,
  };
  const dropped = { ...comparison, b: 60, difference: 0.12, bound: 0.152, decision: 'accuracy_dropped' };
  const { cube: pool } = stack.databases;
  await pool.query(`insert into ai.models (id, name, active_version_id) values (1, $1, 1)`, [model.id]);
  for (const [id, form, state, compared] of [
    [1, 'float', 'active', comparison],
    [2, 'int8', 'imported', comparison],
    [3, 'float', 'rejected', dropped],
  ] as const)
    await pool.query(
      `insert into ai.model_versions (id, model_id, version, form, sha256, source_sha256, framework, comparison, state, imported_at)
       values ($1, 1, '1.0.0', $2, repeat('a', 64), repeat('b', 64), 'onnx', $3, $4, '2026-01-02T03:04:06Z')`,
      [id, form, JSON.stringify(compared), state],
    );
}
