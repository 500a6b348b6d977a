import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createProcessingRequests } from '../../src/paperwork/processing-requests.js';
import { createPool } from '../../src/postgres/connect.js';
import { prepareTables } from '../../src/stack/servers/embedded-database.js';
import { referencedContents } from '../../src/storage/content-references.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { moveStore } from '../../src/storage/move.js';
import { until } from '../support/conditions.js';
import { CrawlerStack } from '../support/crawler-stack.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { DocumentsWorker } from '../support/documents-worker.js';
import { Engine } from '../support/engine.js';
import { expectTargetEqualsSource } from '../support/equality.js';

/** The roles by which the programs of a stack come to its databases: what each may is enough, and no more than that. */
const { programDatabases, owners } = inject('servers');
let databases: TestDatabases;

const onTest = (url: string) => {
  const at = new URL(url);
  at.pathname = new URL(isLegacy(url) ? databases.legacyUrl : databases.cubeUrl).pathname;
  return at.href;
};
const isLegacy = (url: string) => new URL(url).port === new URL(owners.legacy).port;
const variablesOf = (program: string) =>
  Object.fromEntries(Object.entries(programDatabases[program] ?? {}).map(([name, url]) => [name, onTest(url)]));
/** Every role of a program on every server, once. */
const roles = [...new Set(Object.values(programDatabases).flatMap((variables) => Object.values(variables)))].map(
  (url) => [`${new URL(url).username} at ${isLegacy(url) ? 'legacy' : 'cube'}`, url] as const,
);
const programRoles = roles.filter(([name]) => name !== 'heal7 at legacy');

beforeAll(async () => {
  databases = await createDatabases(800);
  const name = new URL(databases.cubeUrl).pathname.slice(1);
  await databases.legacy.query(`alter database ${name} owner to heal7`);
  await databases.cube.query(`alter database ${name} owner to cubes`);
  // The stack fills legacy as its owner.
  await databases.legacy.query(`do $$ declare name text; begin
      for name in select oid::regclass from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
      loop execute format('alter table %s owner to heal7', name); end loop; end $$`);
  await prepareTables(databases.legacyUrl, onTest(owners.legacy), 'legacy');
  await prepareTables(databases.cubeUrl, onTest(owners.cube), 'cube');
});
afterAll(() => databases.drop());

async function ask(url: string, statement: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: onTest(url) });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

/** What a role may do with tables, by schema; only that a schema's tables all allow. */
async function rightsOf(url: string) {
  const found = await ask(
    url,
    `select nspname || '.' || relname as name, array_to_string(array(select privilege from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE',
         'TRUNCATE', 'TRIGGER', 'REFERENCES']) as privilege where has_table_privilege(c.oid, privilege)), ' ') as rights
       from pg_class c join pg_namespace n on n.oid = relnamespace
      where relkind in ('r', 'p', 'v') and nspname !~ '^pg_' and nspname <> 'information_schema' and has_schema_privilege(n.oid, 'usage')`,
  );
  const rights: Record<string, string> = {};
  for (const { name, rights: all } of found) if (all !== '') rights[String(name)] = String(all);
  return rights;
}

const everyTable = async (schema: string, rights: string) => {
  const side = schema === 'public' ? databases.legacy : databases.cube;
  const found = await side.query(
    "select relname from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'p', 'v')",
    [schema],
  );
  return Object.fromEntries(found.rows.map(({ relname }) => [`${schema}.${relname}`, rights]));
};

test('each role has the rights on tables that its program needs, and no others', async () => {
  const found = Object.fromEntries(
    await Promise.all(programRoles.map(async ([name, url]) => [name, await rightsOf(url)])),
  );
  const moves = 'SELECT INSERT UPDATE DELETE';
  const schemas = await Promise.all(
    ['ledger', 'saju', 'ai', 'paperwork', 'storage'].map((schema) => everyTable(schema, moves)),
  );
  const engine = Object.assign({}, ...schemas);
  expect(found).toEqual({
    'engine_reader at legacy': await everyTable('public', 'SELECT'),
    'saju_cube at legacy': { 'public.saju_records': moves },
    'ai_cube at legacy': { 'public.ai_models': 'SELECT' },
    'paperwork_cube at legacy': { 'public.paperwork_files': moves, 'public.paperwork_results': moves },
    'crawler_cube at legacy': { 'public.crawler_jobs': 'SELECT', 'public.crawler_results': 'SELECT INSERT' },
    'control_api at cube': {
      ...(await everyTable('ledger', 'SELECT INSERT UPDATE')),
      'audit.entries': 'SELECT',
      'ai.activations': 'SELECT INSERT DELETE',
      'ai.models': 'SELECT',
      'ai.model_versions': 'SELECT',
      'storage.blobs': 'SELECT DELETE',
      'storage.checks': 'DELETE',
      'storage.parts': moves,
      'storage.referenced': 'SELECT',
      'paperwork.files': 'SELECT',
      'paperwork.files_without_rows': 'SELECT',
    },
    'control_worker at cube': engine,
    'bulk_worker at cube': engine,
    'documents_worker at cube': {
      'paperwork.files': 'SELECT',
      'paperwork.processing': 'SELECT UPDATE',
      'paperwork.read_pages': 'SELECT INSERT DELETE',
    },
    'crawler_worker at cube': {
      'crawler.jobs': 'SELECT',
      'crawler.results': 'SELECT INSERT',
      'crawler.runs': 'SELECT INSERT UPDATE',
      'crawler.leases': 'SELECT INSERT UPDATE',
      'crawler.validators': 'SELECT INSERT UPDATE',
      'crawler.totals': 'SELECT INSERT UPDATE',
      'crawler.open_runs': moves,
      'crawler.schedules': moves,
      'crawler.result_ids': moves,
    },
    'security_cube at cube': {},
    'saju_cube at cube': {},
    'ai_cube at cube': await everyTable('ai', 'SELECT'),
    'paperwork_cube at cube': { ...(await everyTable('paperwork', 'SELECT')), 'paperwork.processing': moves },
    'crawler_cube at cube': await everyTable('crawler', 'SELECT'),
  });
});

describe.each([...roles, ...Object.entries(owners).map(([side, url]) => [`the owner at ${side}`, url] as const)])(
  '%s',
  (_, url) => {
    test('is no superuser, and makes neither roles nor databases', async () => {
      const found = await ask(
        url,
        'select rolsuper, rolreplication, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = current_user',
      );
      expect(Object.values(found[0] ?? {})).toEqual([false, false, false, false, false]);
    });

    test.each([
      "copy (select 1) to program 'id'",
      "copy (select 1) to '/tmp/cubeshift-was-here'",
      "select pg_read_file('/etc/passwd')",
      "select pg_ls_dir('/')",
      "select lo_import('/etc/passwd')",
      'create role stranger',
      'create database strangers',
      'set role cubeshift',
      'set session_replication_role = replica',
      "alter system set log_statement = 'all'",
      'drop extension plpgsql',
    ])('may not: %s', async (statement) => {
      await expect(ask(url, statement)).rejects.toMatchObject({ code: '42501' });
    });
  },
);

test('the control API changes which version of a model predicts, and nothing else of a model', async () => {
  const url = programRoles.find(([name]) => name === 'control_api at cube')?.[1] ?? expect.fail('no such role');
  for (const allowed of [
    'select id from ai.models for update',
    'update ai.models set active_version_id = null where id = 1',
    "update ai.model_versions set state = 'retired' where id = 1",
    'insert into ai.activations (model_id, version_id) select model_id, id from ai.model_versions where id = 1',
    'delete from ai.activations where version_id = 1',
  ])
    await ask(url, allowed);
  for (const refused of [
    "update ai.models set name = 'x' where id = 1",
    "update ai.model_versions set sha256 = '' where id = 1",
    'delete from ai.model_versions',
  ])
    await expect(ask(url, refused), refused).rejects.toMatchObject({ code: '42501' });
});

test('the control API removes records of the store, and makes none', async () => {
  const url = programRoles.find(([name]) => name === 'control_api at cube')?.[1] ?? expect.fail('no such role');
  for (const allowed of [
    `select from (${referencedContents}) as referenced where sha256 = ''`,
    "delete from storage.blobs where sha256 = any ('{}')",
    "delete from storage.checks where sha256 = any ('{}')",
    'select from ledger.migrations for share',
  ])
    await ask(url, allowed);
  for (const refused of [
    "insert into storage.blobs (sha256, size) values (repeat('a', 64), 1)",
    "update storage.blobs set stored_at = '2000-01-01'",
    'delete from storage.intended',
  ])
    await expect(ask(url, refused), refused).rejects.toMatchObject({ code: '42501' });
});

test('with its role the control API brings a store elsewhere, what is large in parts', async () => {
  const url = programRoles.find(([name]) => name === 'control_api at cube')?.[1] ?? expect.fail('no such role');
  const root = mkdtempSync(join(tmpdir(), 'cubeshift-roles-'));
  const [store, target] = [createFolderStore(join(root, 'store')), createFolderStore(join(root, 'target'))];
  const content = Buffer.alloc(9 * 1024 * 1024, 'a');
  const { sha256, keep } = await store.stage(Readable.from([content]), 'test');
  await keep();
  const cube = createPool(url, { applicationName: 'test', max: 2 });
  try {
    const moved = await moveStore({ cube, store, target, to: join(root, 'target') }, undefined);
    expect(moved).toMatchObject({ contents: 1, bytes: content.length, next_cursor: null, missing_there: 0 });
    expect(await target.check(sha256)).toBeNull();
  } finally {
    await cube.end();
    rmSync(root, { recursive: true });
  }
});

test('only the audit’s own function adds an entry, and each program that acts may call it', async () => {
  const acts: Record<string, boolean> = {};
  for (const [name, url] of [...programRoles, ['the owner', owners.cube] as const]) {
    if (isLegacy(url)) continue;
    const insert = `insert into audit.entries select 9000000000, now(), 'a', 'b', 'c', '{}', repeat('0', 64), repeat('0', 64)`;
    await expect(ask(url, insert), name).rejects.toMatchObject({ code: '42501' });
    acts[name] = await ask(url, "select audit.append('a', 'b', 'c', '{}')").then(
      () => true,
      () => false,
    );
  }
  expect(acts).toEqual({
    'control_api at cube': true,
    'control_worker at cube': true,
    'security_cube at cube': true,
    'bulk_worker at cube': false,
    'documents_worker at cube': false,
    'crawler_worker at cube': false,
    'saju_cube at cube': false,
    'ai_cube at cube': false,
    'paperwork_cube at cube': false,
    'crawler_cube at cube': false,
    'the owner': false,
  });
});

describe('a start of the stack', () => {
  // Nothing is to be migrated: nobody logs in to do it.
  const prepare = () => prepareTables(databases.cubeUrl, 'postgres://nobody:x@127.0.0.1:1/none', 'cube');
  const openings = [
    'grant audit_owner to cubes',
    'create role cubeshift_migration login in role cubes, audit_owner',
    'grant all on all tables in schema audit to security_cube with grant option',
    'grant update (actor) on audit.entries to public',
    'grant all on schema audit to bulk_worker',
    'grant execute on all functions in schema audit to saju_cube, public',
    'alter table audit.entries owner to cubes',
  ];
  const state = `select array(select format('%s in %s', member::regrole, roleid::regrole) from pg_auth_members
       where roleid = 'audit_owner'::regrole or member = 'audit_owner'::regrole) as members,
     to_regrole('cubeshift_migration') as migrator,
     (select nspacl::text from pg_namespace where nspname = 'audit') as schema,
     array(select format('%s %s %s %s', relname, relowner::regrole, relacl, array(select attname || attacl::text from pg_attribute
       where attrelid = c.oid and attacl is not null)) from pg_class c
       where relnamespace = 'audit'::regnamespace and relkind = 'r' order by 1) as tables,
     array(select format('%s %s %s', oid::regprocedure, proowner::regrole, proacl) from pg_proc
       where pronamespace = 'audit'::regnamespace order by 1) as functions`;

  test('revokes every access to the audit again, and grants it only for a migration', async () => {
    const before = (await databases.cube.query(state)).rows;
    expect(before).toMatchObject([{ members: ['audit_owner in pg_signal_backend'], migrator: null }]);
    for (const opening of openings) await databases.cube.query(opening);
    await prepare();
    expect((await databases.cube.query(state)).rows).toEqual(before);
  });

  test.each([
    [
      'function audit.mine()',
      'create function audit.mine() returns int language sql security definer as $$ select 1 $$',
    ],
    ['relation audit.mine', 'create view audit.mine as select 1 as one'],
    ['rule mine on audit.entries', 'create rule mine as on insert to audit.entries do instead nothing'],
    ['trigger only_added_to is gone or off', 'alter table audit.entries disable trigger only_added_to'],
  ])('refuses an audit with: %s', async (what, statement) => {
    const undo = {
      function: 'drop function audit.mine()',
      relation: 'drop view audit.mine',
      rule: 'drop rule mine on audit.entries',
      trigger: 'alter table audit.entries enable trigger only_added_to',
    }[what.split(' ')[0] ?? ''];
    await databases.cube.query(statement);
    try {
      await expect(prepare()).rejects.toMatchObject({
        type: 'cube_schema_mismatch',
        message: expect.stringContaining(what),
      });
    } finally {
      await databases.cube.query(undo ?? '');
    }
    await prepare();
  });
});

test('tables that a later version adds are theirs too', async () => {
  await ask(owners.cube, 'create table ledger.later (id int)');
  const found = Object.fromEntries(
    await Promise.all(programRoles.map(async ([name, url]) => [name, (await rightsOf(url))['ledger.later']])),
  );
  expect(found).toMatchObject({
    'control_api at cube': 'SELECT INSERT UPDATE',
    'control_worker at cube': 'SELECT INSERT UPDATE DELETE',
    'bulk_worker at cube': 'SELECT INSERT UPDATE DELETE',
    'security_cube at cube': undefined,
  });
});

test('with these roles a document is requested, read and forgotten', async () => {
  const [ofCube, ofWorker] = [variablesOf('paperwork-cube'), variablesOf('worker-documents')];
  const root = mkdtempSync(join(tmpdir(), 'cubeshift-roles-'));
  const folder = join(root, 'files');
  mkdirSync(folder);
  writeFileSync(join(folder, 'file.txt'), '글');
  const added = await databases.legacy.query(
    `insert into paperwork_files (path) values ('file.txt') returning id::text`,
  );
  const id = String(added.rows[0]?.id);
  const pool = createPool(ofCube.CUBE_DATABASE_URL ?? '', { applicationName: 'test', max: 1 });
  const requests = createProcessingRequests(pool);
  const worker = await DocumentsWorker.start({
    legacyUrl: ofWorker.PAPERWORK_CUBE_LEGACY_URL ?? '',
    cubeUrl: ofWorker.CUBE_DATABASE_URL ?? '',
    folder,
    storeFolder: join(root, 'store'),
  });
  try {
    await requests.request(id, 'text');
    const view = await until('the document to be read', async () => {
      const now = await requests.view(id, 'text');
      return (now?.state === 'done' || now?.state === 'failed') && now;
    });
    expect(view).toEqual({ kind: 'text', state: 'done', page: 1, pages: 1, reason: null });
    const found = await databases.legacy.query('select result from paperwork_results where file_id = $1', [id]);
    expect(found.rows).toMatchObject([{ result: { text: '글' } }]);
    await requests.request(id, 'text');
    await requests.forget(id);
    expect(await requests.view(id, 'text')).toBeUndefined();
  } finally {
    await worker.end();
    await pool.end();
    rmSync(root, { recursive: true });
  }
});

test('with these roles a job is crawled, paused and edited, and its results are written back', async () => {
  const [ofCube, ofWorker] = [variablesOf('crawler-cube'), variablesOf('worker-crawler')];
  const urls = ({ CRAWLER_CUBE_LEGACY_URL: legacyUrl = '', CUBE_DATABASE_URL: cubeUrl = '' }: typeof ofCube) => ({
    legacyUrl,
    cubeUrl,
  });
  const stack = await CrawlerStack.over(databases, { cube: urls(ofCube), worker: urls(ofWorker) });
  try {
    await stack.worker().begin();
    const id = await stack.insert({ paths: ['/ko/1', '/etag/1'], status: 'paused' });
    for (let run = 1; run <= 2; run++) {
      await stack.caller.call('POST', `/jobs/${id}/start`);
      await until(
        'a run to end',
        async () => (await stack.runs(id)).filter(({ outcome }) => outcome === 'done').length === run,
      );
    }
    expect(await stack.caller.results(id)).toHaveLength(3);
    await until('results to be written back', async () => (await stack.writtenBack(id)).length === 3);
    await stack.caller.call('POST', `/jobs/${id}/pause`);
    await databases.cube.query('delete from crawler.jobs where id = $1', [id]);
    await until('the schedule to be dropped', async () => {
      const { rowCount } = await databases.cube.query('select from crawler.schedules where job_id = $1', [id]);
      return rowCount === 0;
    });
  } finally {
    await stack.end();
  }
});

test('with these roles a run is killed, goes on, is repaired, retried, rolled back, and another one completes', async () => {
  const bulk = variablesOf('worker-bulk-1');
  const engine = await Engine.start({
    legacyUrl: bulk.LEGACY_DATABASE_URL ?? '',
    cubeUrl: bulk.CUBE_DATABASE_URL ?? '',
    apart: ['worker-bulk'],
    environment: { control: variablesOf('control'), 'worker-control': variablesOf('worker-control') },
  });
  const rests = (id: string) =>
    engine.waitFor(id, 'verified', ({ status, stage }) => status === 'waiting' && stage === 'verified');
  try {
    await engine.startMigration('undone', { rows_per_second: 400 });
    await engine.waitFor('undone', 'copying', ({ progress }) => progress.migrated > 0);
    await engine.kill('worker-bulk-1', 'SIGKILL');
    engine.startProgram('worker-bulk-1');
    await rests('undone');
    await databases.cube.query(
      "update saju.charts set user_id = user_id || '!' where id = (select max(id) from saju.charts)",
    );
    await engine.steer('undone', 'verify');
    await engine.waitFor('undone', 'blocked', ({ status }) => status === 'blocked');
    await engine.steer('undone', 'repair');
    await rests('undone');
    await engine.steer('undone', 'rejects/retry');
    await rests('undone');
    await expectTargetEqualsSource(databases);
    await engine.steer('undone', 'rollback');
    expect(await engine.waitForRest('undone')).toMatchObject({ status: 'rolled_back' });
    await engine.startMigration('kept');
    await rests('kept');
    await engine.steer('kept', 'rejects/accept', { all: true, by: 'kim', why: 'known' });
    await engine.waitFor(
      'kept',
      'rid of open rejects',
      ({ actions, status }) => status === 'waiting' && actions.includes('complete'),
    );
    await engine.steer('kept', 'complete');
    expect(await engine.waitForRest('kept')).toMatchObject({ status: 'completed' });
    expect((await engine.call('GET', '/v1/audit')).status).toBe(200);
  } finally {
    await engine.stop();
  }
}, 180_000);
