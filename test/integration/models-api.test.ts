import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../src/auth/tokens.js';
import type { Comparison } from '../../src/domain/models/comparison/comparison.js';
import type { ModelView } from '../../src/domain/models/model-views.js';
import { readAudit } from '../../src/postgres/audit.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { buildControlApp } from '../../src/services/control/app.js';
import { type CubeWorkflows, createCubeWorkflows } from '../../src/services/control/cubes/cube-workflows.js';
import { createMigrationWorkflows, type MigrationWorkflows } from '../../src/services/control/migrations/workflows.js';
import { createRampWorkflows, type RampWorkflows } from '../../src/services/control/traffic/ramp-workflows.js';
import { runCommand } from '../support/command-line.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { watchAnswers } from '../support/documented-answers.js';
import { prove, testSecret } from '../support/engine.js';

/** Versions of models by the control API and by the command line; Redis is away, and nothing here needs it. */
let databases: TestDatabases;
let redis: RedisConnection;
let workflows: readonly [MigrationWorkflows, CubeWorkflows, RampWorkflows];
let app: FastifyInstance;
let url: string;
let undocumented: ReturnType<typeof watchAnswers>;

beforeAll(async () => {
  databases = await createDatabases(1);
  await upgradeLedger(databases.cubeUrl);
  redis = connectRedis('redis://127.0.0.1:9', { onError: () => undefined, commandMillis: 300 });
  const temporal = [{ address: inject('servers').temporalAddress }, 'default', prove] as const;
  workflows = [
    createMigrationWorkflows(...temporal),
    createCubeWorkflows(...temporal),
    createRampWorkflows(...temporal),
  ];
  const [migrations, cubeWorkflows, ramps] = workflows;
  const clock = () => new Date();
  app = await buildControlApp({
    admits: () => true,
    cube: databases.cube,
    redis,
    workflows: migrations,
    cubeWorkflows,
    ramps,
    keptVersions: async () => undefined,
    warmVersionOf: async () => undefined,
    store: () => expect.fail('no store is used'),
    moveTarget: () => expect.fail('nothing is moved'),
    reach: () => undefined,
    maxInstances: 8,
    calls: { call: async () => undefined },
    secret: () => testSecret,
    tokens: createTokenVerifier({ current: testSecret }, clock),
    clock,
    logger: false,
  });
  undocumented = watchAnswers(app);
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await app.close();
  expect(undocumented()).toEqual([]);
  for (const one of workflows) await one.close();
  redis.disconnect();
  await databases.drop();
});

const comparison: Comparison = {
  task: 'classifier',
  n: 400,
  b: 1,
  c: 2,
  difference: -0.0025,
  bound: 0.0092,
  limit: 0.05,
  agreement: 0.99,
  decision: 'activate',
  rows_needed: null,
  legacy: { accuracy: 0.94, mean_absolute_error: null, p50: 1.1, p95: 2.2, p99: 3.3, throughput: 900 },
  cube: { accuracy: 0.9425, mean_absolute_error: null, p50: 1, p95: 2, p99: 3, throughput: 1200 },
  test_sha256: 'c'.repeat(64),
  compared_at: '2026-01-02T03:04:05.000Z',
  detail: null,
};

/** Three models; the first with a version that is active, one that is as good, one that is worse, and one that was not compared. */
beforeEach(async () => {
  await databases.cube.query('truncate ai.models, ai.model_versions, ai.activations');
  await databases.cube.query(
    `insert into ai.models (id, name, active_version_id) values (1, 'reviews', 11), (2, '한글 이름/하나', null), (3, 'plain', 31)`,
  );
  const dropped = { ...comparison, decision: 'accuracy_dropped', cube: { ...comparison.cube, accuracy: 0.8 } };
  const versions: readonly (readonly [number, number, string, string, unknown])[] = [
    [11, 1, 'float', 'active', comparison],
    [12, 1, 'int8', 'imported', comparison],
    [13, 1, 'int8', 'rejected', dropped],
    [14, 1, 'float', 'imported', null],
    [15, 1, 'int8', 'rejected', { ...comparison, detail: 'It is not faster than the float form.' }],
    [21, 2, 'float', 'imported', { ...dropped, decision: 'evidence_missing', rows_needed: 401 }],
    [31, 3, 'float', 'active', comparison],
  ];
  for (const [id, model, form, state, compared] of versions)
    await databases.cube.query(
      `insert into ai.model_versions (id, model_id, version, form, sha256, source_sha256, framework, comparison, state, imported_at)
       values ($1, $2, '1.0.0', $3, repeat('a', 64), repeat('b', 64), 'onnx', $4, $5, '2026-01-02T03:04:05.678901Z')`,
      [id, model, form, compared === null ? null : JSON.stringify(compared), state],
    );
});

/** The fields of the answers that are looked at here. */
interface Answered {
  readonly items: readonly { readonly id: number; readonly state: string }[];
  readonly next_cursor: string | null;
  readonly model: string;
  readonly type: string;
  readonly detail: string;
  readonly safe: string;
  readonly hint: string;
}

async function call(
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  permissions = ['migration:read', 'migration:write'],
) {
  const { token } = issueCubeToken(testSecret, { cubeId: 'operator', permissions }, new Date());
  const response = await fetch(`${url}/v1/models${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answered };
}

const stateOf = async (id: number) =>
  (await databases.cube.query('select state from ai.model_versions where id = $1', [id])).rows[0]?.state;

describe('what is in the cube', () => {
  test('is listed page by page, with what predicts', async () => {
    const first = await call('GET', '?limit=2');
    expect(first.body).toMatchObject({
      items: [
        { id: 1, name: 'reviews', active: { id: 11, state: 'active' }, former_version_id: null, versions: 5 },
        { id: 2, name: '한글 이름/하나', active: null, versions: 1 },
      ],
      next_cursor: '2',
    });
    const second = await call('GET', '?limit=2&cursor=2');
    expect(second.body).toMatchObject({ items: [{ name: 'plain' }], next_cursor: null });
  });

  test('has versions, the newest first, each with its comparison whole', async () => {
    const { status, body } = await call('GET', '/reviews/versions');
    expect(status).toBe(200);
    expect(body).toMatchObject({ model: 'reviews', active_version_id: 11, next_cursor: null });
    expect(body.items.map(({ id, state }) => [id, state])).toEqual([
      [15, 'rejected'],
      [14, 'imported'],
      [13, 'rejected'],
      [12, 'imported'],
      [11, 'active'],
    ]);
    expect(body.items[4]).toEqual({
      id: 11,
      version: '1.0.0',
      form: 'float',
      sha256: 'a'.repeat(64),
      source_sha256: 'b'.repeat(64),
      framework: 'onnx',
      state: 'active',
      imported_at: '2026-01-02T03:04:05.678901Z',
      comparison,
      reason: null,
    });
    const page = await call('GET', '/reviews/versions?limit=2');
    expect(page.body.next_cursor).toBe('14');
    const next = (await call('GET', '/reviews/versions?limit=2&cursor=13')).body;
    expect(next.items.map(({ id }) => id)).toEqual([12, 11]);
  });

  test('has the int8 form that could not be imported behind its versions, with the reason', async () => {
    await databases.cube.query(`
      insert into ledger.migrations (id, kind, mode, options, workflow_id, started_by) values ('m', 'ai-models', 'copy', '{}', 'w', 'test');
      update ai.model_versions set metrics = '{"int8": {"sha256": "CC"}}' where id = 14;
      insert into ledger.items (kind, table_name, item_id, step, place, migration_id, state, token, detail)
      values ('ai-models', 'ai_models', 1, 'int8', 4, 'm', 'done', 1, 'checksum_mismatch: the file has another'),
             ('ai-models', 'ai_models', 3, 'int8', 4, 'm', 'done', 1, null)`);
    const seen: unknown[] = [];
    let cursor = '';
    for (let pages = 0; pages < 9; pages++) {
      const { body } = await call('GET', `/reviews/versions?limit=1${cursor}`);
      seen.push(...body.items);
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(seen).toHaveLength(6);
    expect(seen[5]).toEqual({
      id: null,
      version: '1.0.0',
      form: 'int8',
      sha256: 'cc',
      source_sha256: 'b'.repeat(64),
      framework: 'onnx',
      state: 'rejected',
      imported_at: null,
      comparison: null,
      reason: 'checksum_mismatch: the file has another',
    });
    const said = await runCommand(['models', 'versions', 'reviews'], { CONTROL_URL: url, CUBE_JWT_SECRET: testSecret });
    expect(said.stdout).toMatch(/^– +rejected +1\.0\.0 +int8 +– +cc +checksum_mismatch: the file has another$/m);
    expect((await call('GET', '/plain/versions')).body.items).toHaveLength(1);
    await databases.cube.query('delete from ledger.items; delete from ledger.migrations');
  });

  test('has any name, also with a slash and in Korean', async () => {
    const { status, body } = await call('GET', `/${encodeURIComponent('한글 이름/하나')}/versions`);
    expect([status, body.model, body.items.length]).toEqual([200, '한글 이름/하나', 1]);
  });
});

describe('which version predicts', () => {
  test('changes to one that has passed its comparison, and back', async () => {
    const activated = await call('POST', '/reviews/activate', { version_id: 12 });
    expect(activated).toMatchObject({
      status: 200,
      body: { active: { id: 12, state: 'active' }, former_version_id: 11 },
    });
    expect([await stateOf(11), await stateOf(12)]).toEqual(['retired', 'active']);
    const back = await call('POST', '/reviews/rollback');
    expect(back).toMatchObject({ status: 200, body: { active: { id: 11 }, former_version_id: null } });
    expect([await stateOf(11), await stateOf(12)]).toEqual(['active', 'retired']);
    expect(await call('POST', '/reviews/rollback')).toMatchObject({ status: 409, body: { type: 'not_at_this_stage' } });
    // Retired, it may be activated again; its id may be a text, as an id beyond 2⁵³ would be.
    expect((await call('POST', '/reviews/activate', { version_id: '12' })).status).toBe(200);
  });

  test('goes back step by step to what was active before, also after an older version was activated', async () => {
    for (const id of [12, 11, 12, 11]) await call('POST', '/reviews/activate', { version_id: id });
    const wayBack: unknown[] = [];
    for (;;) {
      const { status, body } = await call('POST', '/reviews/rollback');
      if (status !== 200) break;
      wayBack.push([(body as unknown as ModelView).active?.id, (body as unknown as ModelView).former_version_id]);
    }
    expect(wayBack).toEqual([
      [12, 11],
      [11, 12],
      [12, 11],
      [11, null],
    ]);
  });

  test('stays when it is activated again, and so does the one before it', async () => {
    await call('POST', '/reviews/activate', { version_id: 12 });
    const again = await call('POST', '/reviews/activate', { version_id: 12 });
    expect(again).toMatchObject({ status: 200, body: { active: { id: 12 }, former_version_id: 11 } });
  });

  test('is never one that did not pass, or was not compared', async () => {
    for (const [id, sentence] of [
      [13, 'did not pass its comparison with legacy (accuracy_dropped)'],
      [14, 'was not compared with legacy'],
      [15, 'was rejected (It is not faster than the float form)'],
    ] as const) {
      const { status, body } = await call('POST', '/reviews/activate', { version_id: id });
      expect([status, body.type, body.safe]).toEqual([409, 'conflict', 'The active version stays active.']);
      expect(body.detail).toBe(`Version ${id} of the model reviews ${sentence}.`);
    }
    expect(await stateOf(11)).toBe('active');
  });

  test('is never a version of another model, or one that there is not', async () => {
    for (const id of [31, 99]) {
      const { status, body } = await call('POST', '/reviews/activate', { version_id: id });
      expect([status, body.detail]).toEqual([404, `The model reviews has no version ${id}.`]);
    }
  });

  test('is one at every instant, however many change it at the same time', async () => {
    const changes = Array.from({ length: 20 }, (_, index) =>
      index % 3 === 2
        ? call('POST', '/reviews/rollback')
        : call('POST', '/reviews/activate', { version_id: index % 2 === 0 ? 11 : 12 }),
    );
    for (const { status } of await Promise.all(changes)) expect([200, 409]).toContain(status);
    const active = await databases.cube.query(
      `select v.id = m.active_version_id as agrees from ai.model_versions v join ai.models m on m.id = v.model_id
        where m.id = 1 and v.state = 'active'`,
    );
    expect(active.rows).toEqual([{ agrees: true }]);
  });
});

describe('a request', () => {
  test('with a wrong field or name is refused', async () => {
    for (const body of [{}, { version_id: 0 }, { version_id: 1.5 }, { version_id: 'x' }, { version_id: 1, other: 1 }])
      expect((await call('POST', '/reviews/activate', body)).status).toBe(400);
    expect((await call('POST', '/reviews/rollback', { version_id: 1 })).status).toBe(400);
    expect((await call('GET', '?limit=0')).status).toBe(400);
    const { status, body } = await call('GET', '/reviewz/versions');
    expect([status, body.hint]).toEqual([404, 'Did you mean reviews? List the models with `cubeshift models list`.']);
  });

  test('needs migration:read to look and migration:write to change', async () => {
    for (const path of ['', '/reviews/versions']) expect((await call('GET', path, undefined, [])).status).toBe(403);
    for (const path of ['/reviews/activate', '/reviews/rollback'])
      expect((await call('POST', path, { version_id: 12 }, ['migration:read'])).status).toBe(403);
    expect(await stateOf(11)).toBe('active');
  });

  test('that changes something is in the audit, with what was active before and what came of it', async () => {
    const { cube } = databases;
    await call('POST', '/reviews/activate', { version_id: 12 });
    await call('POST', '/reviews/activate', { version_id: 13 });
    await call('POST', '/reviews/rollback');
    const [rollback, refused, activated] = await readAudit(cube, { before: String(Number.MAX_SAFE_INTEGER), limit: 3 });
    expect(activated).toMatchObject({
      actor: 'operator',
      action: 'model.activate',
      subject: 'reviews',
      details: { version: '12', was: { version: '11' } },
      outcome: { what: 'done' },
    });
    expect(refused).toMatchObject({ details: { version: '13' }, outcome: { what: 'refused', reason: 'conflict' } });
    expect(rollback).toMatchObject({
      action: 'model.rollback',
      details: { version: '11', was: { version: '12' } },
      outcome: { what: 'done' },
    });
  });
});

describe('cubeshift models', () => {
  const cubeshift = (...args: readonly string[]) =>
    runCommand(['models', ...args], { CONTROL_URL: url, CUBE_JWT_SECRET: testSecret });

  test('lists models and versions as tables, with what decided', async () => {
    const list = await cubeshift('list');
    expect([list.code, list.stderr]).toEqual([0, '']);
    expect(list.stdout.split('\n')[0]).toMatch(/^MODEL +ACTIVE +VERSION +FORM +VERSIONS$/);
    expect(list.stdout).toMatch(/^reviews +11 +1\.0\.0 +float +5$/m);
    expect(list.stdout).toMatch(/^한글 이름\/하나 +none +– +– +1$/m);
    const versions = await cubeshift('versions', 'reviews');
    expect(versions.stdout).toMatch(
      /^13 .*accuracy_dropped, 400 rows; accuracy 94\.0 % in legacy, 80\.0 % in the cube; bound 0\.9 %, limit 5\.0 %$/m,
    );
    const korean = await cubeshift('versions', '한글 이름/하나');
    expect(korean.stdout).toMatch(/evidence_missing, 400 rows.*; 401 rows would do$/m);
  });

  test('activates and rolls back, and says what is active', async () => {
    expect(await cubeshift('activate', 'reviews', '12')).toEqual({
      code: 0,
      stdout: 'reviews: version 12 (1.0.0, int8) is active\nbefore it version 11 was active\n',
      stderr: '',
    });
    const back = await cubeshift('rollback', 'reviews', '--json');
    expect((JSON.parse(back.stdout) as ModelView).active?.id).toBe(11);
    const refused = await cubeshift('rollback', 'reviews');
    expect([refused.code, refused.stdout]).toEqual([4, '']);
    expect(refused.stderr).toMatch(
      /has no version that was active before\.\nThe active version stays active\.\nLook at its versions/,
    );
  });

  test('gives the same as JSON, and helps with a word that is nearly right', async () => {
    const listed = await cubeshift('versions', 'reviews', '--json');
    expect(JSON.parse(listed.stdout).map(({ id }: { id: number }) => id)).toEqual([15, 14, 13, 12, 11]);
    const wrongModel = await cubeshift('versions', 'revews');
    expect([wrongModel.code, wrongModel.stderr]).toEqual([1, expect.stringContaining('Did you mean reviews?')]);
    const wrongWord = await cubeshift('activat', 'reviews');
    expect([wrongWord.code, wrongWord.stderr]).toEqual([2, expect.stringContaining('Did you mean activate?')]);
  });
});
