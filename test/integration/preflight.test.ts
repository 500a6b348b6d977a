import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { until } from '../support/conditions.js';
import { createDatabase, createDatabases, dropDatabase, type TestDatabases } from '../support/databases.js';
import { Engine, type ProgramName } from '../support/engine.js';
import { Gate } from '../support/gate.js';
import { createRole } from '../support/roles.js';

/** What preflight finds wrong, one sentence each, and that nothing was changed when it does. */
let databases: TestDatabases;
let engine: Engine;
let runs = 0;
const cleanUps: (() => Promise<unknown>)[] = [];
/** Programs that tests before this one ran with other variables. */
const ended = new Set<ProgramName>();

beforeAll(async () => {
  databases = await createDatabases(300);
  engine = await Engine.start({ ...databases, apart: ['control', 'worker-control', 'worker-bulk'] });
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(async () => {
  await engine.stop();
  await databases.drop();
});

/** For this test alone, a program runs with other variables. */
async function runWith(name: ProgramName, environment: Readonly<Record<string, string>>): Promise<void> {
  await engine.kill(name);
  ended.delete(name);
  engine.startProgram(name, environment);
  cleanUps.push(async () => {
    await engine.kill(name);
    ended.add(name);
  });
}

/** Most tests run them with other variables again: only one that does not starts them as usual. */
function startEnded(): void {
  for (const name of ended) engine.startProgram(name);
  ended.clear();
}

/** For this test alone, a statement on one side and the one that undoes it. */
async function change(side: 'legacy' | 'cube', statement: string, undo: string): Promise<void> {
  await databases[side].query(statement);
  cleanUps.push(() => databases[side].query(undo));
}

async function startAndFail(): Promise<{ type: string; message: string; hint: string }> {
  startEnded();
  const id = `preflight-${++runs}`;
  await engine.startMigration(id);
  const ended = await engine.waitForRest(id);
  expect(ended).toMatchObject({ status: 'failed', stage: 'preflight', actions: [] });
  if (ended.error === null) throw new Error('a failed run says why');
  return ended.error;
}

/** No row, no range, no batch and no reject came of the runs so far. */
async function expectNothingChanged(): Promise<void> {
  const found = await databases.cube.query<{ traces: number }>(
    `select (select count(*) from saju.charts) + (select count(*) from ledger.ranges)
          + (select count(*) from ledger.batches) + (select count(*) from ledger.rejects) as traces`,
  );
  expect(Number(found.rows[0]?.traces)).toBe(0);
}

function withPart(url: string, part: Partial<Pick<URL, 'password' | 'pathname'>>): string {
  return Object.assign(new URL(url), part).href;
}

describe('legacy that cannot be used', () => {
  test('a wrong password is reported as such', async () => {
    await runWith('worker-control', {
      LEGACY_DATABASE_URL: withPart(databases.legacyUrl, { password: 'not-this-one' }),
    });
    const error = await startAndFail();
    const { username } = new URL(databases.legacyUrl);
    expect(error).toEqual({
      type: 'permission_denied',
      message: `The legacy database refuses the password of role ${username}, or has no such role.`,
      hint: 'Correct user and password in LEGACY_DATABASE_URL.',
    });
    await expectNothingChanged();
  });

  test('a database that does not exist is reported as such', async () => {
    await runWith('worker-control', { LEGACY_DATABASE_URL: withPart(databases.legacyUrl, { pathname: '/nowhere' }) });
    expect(await startAndFail()).toMatchObject({
      type: 'legacy_schema_mismatch',
      message: 'The server of the legacy database has no database nowhere.',
      hint: expect.stringContaining('LEGACY_DATABASE_URL'),
    });
    await expectNothingChanged();
  });

  test('a missing table is named', async () => {
    await change('legacy', 'alter table saju_records rename to moved', 'alter table moved rename to saju_records');
    expect(await startAndFail()).toMatchObject({
      type: 'legacy_schema_mismatch',
      message: 'The legacy database has no table public.saju_records.',
      hint: expect.stringContaining('LEGACY_DATABASE_URL'),
    });
    await expectNothingChanged();
  });

  test('a missing column is named', async () => {
    await change(
      'legacy',
      'alter table saju_records rename column hour_pillar to pillar_of_hour',
      'alter table saju_records rename column pillar_of_hour to hour_pillar',
    );
    expect(await startAndFail()).toMatchObject({
      type: 'legacy_schema_mismatch',
      message: 'In table public.saju_records of the legacy database column hour_pillar is missing.',
    });
    await expectNothingChanged();
  });

  test('every column of another type is named with the type it has and the one it needs', async () => {
    await change(
      'legacy',
      `alter table saju_records alter birth_year type text,
         alter created_at type timestamp without time zone using created_at at time zone 'UTC'`,
      `alter table saju_records alter birth_year type int using birth_year::int,
         alter created_at type timestamptz using created_at at time zone 'UTC'`,
    );
    expect(await startAndFail()).toMatchObject({
      type: 'legacy_schema_mismatch',
      message:
        'In table public.saju_records of the legacy database column birth_year is text, not integer or smallint, ' +
        'column created_at is timestamp without time zone, not timestamp with time zone.',
    });
    await expectNothingChanged();
  });

  test('a table whose rows may share an id is refused, with what to type', async () => {
    await change(
      'legacy',
      'alter table saju_records drop constraint saju_records_pkey',
      'alter table saju_records add primary key (id)',
    );
    expect(await startAndFail()).toEqual({
      type: 'legacy_schema_mismatch',
      message:
        'The legacy database does not guarantee one id for each row of public.saju_records: no unique index is on id alone.',
      hint: expect.stringContaining('`alter table public.saju_records add primary key (id)`'),
    });
    await expectNothingChanged();
  });

  test('a database in another encoding than UTF8 is refused by name', async () => {
    const name = `ascii_${new URL(databases.legacyUrl).pathname.slice(1)}`;
    const url = await createDatabase(inject('servers').legacyUrl, name, "encoding 'SQL_ASCII' template template0");
    cleanUps.push(() => dropDatabase(inject('servers').legacyUrl, name));
    await runWith('worker-control', { LEGACY_DATABASE_URL: url });
    expect(await startAndFail()).toMatchObject({
      type: 'encoding_unsupported',
      message: 'The legacy database is encoded in SQL_ASCII, not in UTF8.',
      hint: expect.stringContaining('convert'),
    });
    await expectNothingChanged();
  });

  test('the failure of a role without SELECT names the right and the table', async () => {
    const role = await createRole(databases.legacy);
    cleanUps.push(() => role.drop());
    await runWith('worker-control', { LEGACY_DATABASE_URL: role.url(databases.legacyUrl) });
    expect(await startAndFail()).toMatchObject({
      type: 'permission_denied',
      message: "The engine's role may not select on table public.saju_records of the legacy database.",
      hint: `As the owner there: GRANT SELECT ON "public"."saju_records" TO "${role.name}";`,
    });
    await expectNothingChanged();
  });

  test('the failure of a role without USAGE on the schema says that a right is missing', async () => {
    const role = await createRole(databases.legacy);
    cleanUps.push(() => role.drop());
    await databases.legacy.query(`grant select on saju_records to ${role.name}`);
    await change('legacy', 'revoke usage on schema public from public', 'grant usage on schema public to public');
    await runWith('worker-control', { LEGACY_DATABASE_URL: role.url(databases.legacyUrl) });
    expect(await startAndFail()).toEqual({
      type: 'permission_denied',
      message: "The engine's role may not use schema public of the legacy database.",
      hint: `As the owner there: GRANT USAGE ON SCHEMA "public" TO "${role.name}";`,
    });
    await expectNothingChanged();
  });
});

describe('a cube database that cannot be used', () => {
  test('one that is legacy itself is refused', async () => {
    await runWith('worker-control', { LEGACY_DATABASE_URL: databases.cubeUrl });
    expect(await startAndFail()).toEqual({
      type: 'configuration_invalid',
      message: 'LEGACY_DATABASE_URL and CUBE_DATABASE_URL name the same database.',
      hint: 'Give the cubes a database of their own.',
    });
    await expectNothingChanged();
  });

  test('a target that holds foreign rows is left as it is', async () => {
    await change(
      'cube',
      `insert into saju.charts (id, user_id, birth_info, saju_chart, created_at) values (-7, 'somebody', '{}', '{}', now())`,
      'delete from saju.charts where id = -7',
    );
    expect(await startAndFail()).toMatchObject({
      type: 'target_occupied',
      message:
        'The table saju.charts of the cube database already holds rows that no migration of this ledger put there.',
      hint: expect.stringMatching(
        /^Point CUBE_DATABASE_URL at a database of its own for the cubes, .*they were left as they are\.$/,
      ),
    });
    const left = await databases.cube.query<{ id: string; user_id: string }>('select id, user_id from saju.charts');
    expect(left.rows).toEqual([{ id: '-7', user_id: 'somebody' }]);
  });

  test('a target column of another type is named', async () => {
    await change(
      'cube',
      'alter table saju.charts alter interpretation type varchar(100)',
      'alter table saju.charts alter interpretation type text',
    );
    expect(await startAndFail()).toMatchObject({
      type: 'cube_schema_mismatch',
      message: 'In table saju.charts of the cube database column interpretation is character varying, not text.',
    });
    await expectNothingChanged();
  });

  test('a target whose rows may share an id is refused', async () => {
    await change(
      'cube',
      'alter table saju.charts drop constraint charts_pkey; create unique index odd on saju.charts (id) where id > 5',
      'drop index saju.odd; alter table saju.charts add constraint charts_pkey primary key (id)',
    );
    expect(await startAndFail()).toMatchObject({
      type: 'cube_schema_mismatch',
      message: expect.stringContaining('no unique index is on id alone (odd covers a part of the rows only).'),
    });
    await expectNothingChanged();
  });

  test('the failure of a role without INSERT names the right and the table', async () => {
    const role = await createRole(databases.cube);
    cleanUps.push(() => role.drop());
    await databases.cube.query(
      `grant usage on schema saju, ledger to ${role.name};
       grant select, insert, update, delete on all tables in schema ledger to ${role.name};
       grant usage on all sequences in schema ledger to ${role.name};
       grant select, delete on saju.charts to ${role.name}`,
    );
    await runWith('worker-control', { CUBE_DATABASE_URL: role.url(databases.cubeUrl) });
    expect(await startAndFail()).toMatchObject({
      type: 'permission_denied',
      message: "The engine's role may not insert on table saju.charts of the cube database.",
      hint: `As the owner there: GRANT INSERT ON "saju"."charts" TO "${role.name}";`,
    });
    await expectNothingChanged();
  });

  test('a database in another encoding than UTF8 is refused by name', async () => {
    const name = `ascii_${new URL(databases.cubeUrl).pathname.slice(1)}`;
    const url = await createDatabase(inject('servers').cubeUrl, name, "encoding 'SQL_ASCII' template template0");
    cleanUps.push(() => dropDatabase(inject('servers').cubeUrl, name));
    await runWith('worker-control', { CUBE_DATABASE_URL: url });
    await runWith('control', { CUBE_DATABASE_URL: url });
    await until(
      'the control API to be ready',
      async () => (await fetch(`${engine.url}/ready`).catch(() => undefined))?.ok,
    );
    expect(await startAndFail()).toMatchObject({
      type: 'encoding_unsupported',
      message: 'The cube database is encoded in SQL_ASCII, not in UTF8.',
    });
  });
});

test('a legacy that is not up yet is waited for, said so in the log, and the run goes on by itself when it comes', async () => {
  startEnded();
  await until(
    'the control API to be ready',
    async () => (await fetch(`${engine.url}/ready`).catch(() => undefined))?.ok,
  );
  const { gate, url } = await Gate.toUrl(databases.legacyUrl);
  cleanUps.push(() => gate.shut());
  await gate.shut();
  await runWith('worker-control', { LEGACY_DATABASE_URL: url });
  await engine.startMigration('waits');
  await until('the worker to say that it waits', () =>
    engine.logOf('worker-control').includes('The legacy database cannot be reached: nothing listens on port '),
  );
  const waiting = await engine.waitFor('waits', 'named as held up', ({ error }) => error !== null);
  expect(waiting).toMatchObject({
    status: 'running',
    stage: 'preflight',
    error: {
      type: 'legacy_unreachable',
      message: expect.stringContaining('The legacy database cannot be reached'),
      hint: expect.any(String),
    },
  });
  await expectNothingChanged();
  await gate.open();
  expect(await engine.waitForRest('waits')).toMatchObject({ status: 'waiting', stage: 'verified', error: null });
});
