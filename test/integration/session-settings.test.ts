import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectClient, createPool } from '../../src/postgres/connect.js';
import { unsafeLogSettings } from '../../src/postgres/log-settings.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { createRole, type TestRole } from '../support/roles.js';
import { RowsRun } from '../support/rows-run.js';

/** What a role, a database or a URL may say that would change what is read, written, kept or logged, or end a session. */
const hostile: Readonly<Record<string, string>> = {
  application_name: 'somebody',
  client_encoding: 'LATIN1',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  xmloption: 'document',
  xmlbinary: 'hex',
  bytea_output: 'escape',
  DateStyle: 'German, DMY',
  IntervalStyle: 'postgres_verbose',
  TimeZone: 'Asia/Kathmandu',
  extra_float_digits: '-15',
  row_security: 'on',
  statement_timeout: '100',
  lock_timeout: '1',
  transaction_timeout: '100',
  idle_in_transaction_session_timeout: '1',
  idle_session_timeout: '100',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  default_transaction_read_only: 'on',
  synchronous_commit: 'off',
  exit_on_error: 'on',
  client_connection_check_interval: '0',
  log_parameter_max_length_on_error: '-1',
  debug_print_parse: 'on',
  debug_print_rewritten: 'on',
  debug_print_plan: 'on',
  search_path: 'shadows, pg_catalog, public',
};

let databases: TestDatabases;
let roles: { legacy: TestRole; cube: TestRole };
const sides = ['legacy', 'cube'] as const;

beforeAll(async () => {
  databases = await createDatabases(1500);
  roles = { legacy: await createRole(databases.legacy), cube: await createRole(databases.cube) };
  await databases.legacy.query(`grant select on saju_records to ${roles.legacy.name}`);
  await databases.cube.query(`grant create on database ${nameOf(databases.cubeUrl)} to ${roles.cube.name}`);
  for (const side of sides) {
    await makeShadows(databases[side]);
    await databases[side].query(`grant usage on schema shadows to ${roles[side].name}`);
  }
});
afterAll(async () => {
  for (const side of sides) await roles[side].drop();
  await databases.drop();
});

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

function urlOf(side: (typeof sides)[number]): string {
  return roles[side].url(databases[`${side}Url`]);
}

/**
 * A schema whose tables, functions and operators have the names of what the engine's statements use, and say something else:
 * every function of pg_catalog of these names whose types can be written down.
 */
async function makeShadows(pool: pg.Pool): Promise<void> {
  await pool.query(`
    create schema shadows;
    create table shadows.saju_records as select 1::bigint as id;
    create table shadows.pg_settings as select 'DateStyle' as name, '' as setting;
    create function shadows.never(text, text) returns bool language sql as 'select false';
    create operator shadows.= (leftarg = text, rightarg = text, function = shadows.never);
    create function shadows.never(bigint, bigint) returns bool language sql as 'select false';
    create operator shadows.= (leftarg = bigint, rightarg = bigint, function = shadows.never);
    create operator shadows.<= (leftarg = bigint, rightarg = bigint, function = shadows.never);
    create function shadows.glued(text, text) returns text language sql as $$ select 'glued'::text $$;
    create operator shadows.|| (leftarg = text, rightarg = text, function = shadows.glued);
    create function shadows.glued(text, integer) returns text language sql as $$ select 'glued'::text $$;
    create operator shadows.|| (leftarg = text, rightarg = integer, function = shadows.glued);
    grant select on all tables in schema shadows to public;
    do $$
      declare shadow text;
      begin
        for shadow in
          select format('create function shadows.%I(%s) returns %s language sql as ''select null::%4$s''',
                        proname, oidvectortypes(proargtypes), pg_get_function_result(oid), pg_get_function_result(oid))
            from pg_proc
           where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f' and not proretset and provariadic = 0
             and proname in ('sha256', 'encode', 'int8send', 'int4send', 'textsend', 'timestamptz_send', 'octet_length',
                             'length', 'now', 'clock_timestamp', 'set_config', 'current_setting', 'upper', 'lower',
                             'to_regclass', 'format_type', 'has_table_privilege', 'pg_terminate_backend', 'hashtextextended',
                             'pg_advisory_lock', 'pg_advisory_xact_lock', 'pg_encoding_to_char', 'nextval')
             and not exists (select from unnest(array_append(proargtypes::oid[], prorettype)) as used (type)
                              join pg_type on pg_type.oid = used.type where typtype = 'p')
        loop
          execute shadow;
        end loop;
      end $$`);
}

/** The names of `hostile` that the server has; later versions have more. */
async function settable(pool: pg.Pool): Promise<readonly (readonly [name: string, value: string])[]> {
  const known = await pool.query<{ name: string }>('select name from pg_settings where name = any ($1)', [
    Object.keys(hostile),
  ]);
  const names = new Set(known.rows.map(({ name }) => name));
  return Object.entries(hostile).filter(([name]) => names.has(name));
}

/** A way in which something from outside sets what a session is like, and how it is undone. */
const ways: Readonly<
  Record<string, (side: (typeof sides)[number]) => Promise<{ url: string; undo: () => Promise<void> }>>
> = {
  'the role': (side) => alter(side, `role ${roles[side].name}`),
  'the database': (side) => alter(side, `database ${nameOf(databases[`${side}Url`])}`),
  'the URL': async (side) => {
    const url = new URL(urlOf(side));
    const settings = await settable(databases[side]);
    for (const [name, value] of settings) url.searchParams.set(name, value);
    const options = settings.map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`).join(' ');
    url.searchParams.set('options', options);
    return { url: url.href, undo: async () => undefined };
  },
};

async function alter(side: (typeof sides)[number], whose: string) {
  const pool = databases[side];
  for (const [name, value] of await settable(pool)) {
    const written = name === 'search_path' ? value : `'${value}'`;
    await pool.query(`alter ${whose} set ${name} to ${written}`);
  }
  return { url: urlOf(side), undo: async () => void (await pool.query(`alter ${whose} reset all`)) };
}

async function settingsOf(client: pg.ClientBase | pg.Pool): Promise<Record<string, string>> {
  const found = await client.query<{ name: string; setting: string }>(
    'select name, setting from pg_catalog.pg_settings where name operator(pg_catalog.=) any ($1::pg_catalog.text[])',
    [Object.keys(hostile)],
  );
  return Object.fromEntries(found.rows.map(({ name, setting }) => [name, setting]));
}

const choices = { applicationName: 'cubeshift test' };

describe.each(Object.entries(ways))('what %s says has no part in a session', (_, set) => {
  test('of a pool or of a connection of its own', async () => {
    const plain = await connectClient(urlOf('cube'), choices);
    const expected = await settingsOf(plain);
    await plain.end();
    const names = (await settable(databases.cube)).map(([name]) => name);
    expect(Object.keys(expected).sort()).toEqual([...names].sort());
    expect(expected).toMatchObject({ application_name: 'cubeshift test', TimeZone: 'UTC', row_security: 'off' });
    for (const name of names) expect(expected[name], name).not.toBe(hostile[name]);
    const { url, undo } = await set('cube');
    const pool = createPool(url, { ...choices, max: 1 });
    try {
      expect(await settingsOf(pool)).toEqual(expected);
      const client = await connectClient(url, choices);
      expect(await settingsOf(client)).toEqual(expected);
      // What a statement of its own limits is for that statement's transaction.
      await client.query('begin; set local statement_timeout = 5; rollback');
      expect(await settingsOf(client)).toEqual(expected);
      await client.end();
    } finally {
      await pool.end();
      await undo();
    }
  });
});

test('under every such setting at once, of role, database and URL, a run copies, verifies clean and is undone', async () => {
  const set = await Promise.all(
    sides.map(async (side) => {
      const all = await Promise.all(Object.values(ways).map((way) => way(side)));
      return { url: all.find(({ url }) => url.includes('?'))?.url ?? '', undo: all.map(({ undo }) => undo) };
    }),
  );
  const [legacyUrl = '', cubeUrl = ''] = set.map(({ url }) => url);
  const run = await RowsRun.open({ legacyUrl, cubeUrl }, 'hostile');
  try {
    const moved = await run.copy({ rangeRows: 400, commitRows: 100 });
    expect(moved).toEqual({ migrated: 1500 - databases.rejected.size, rejected: databases.rejected.size });
    expect(await run.verify()).toMatchObject({ clean: true, compared: moved.migrated, found: [] });
    await databases.cube.query(
      "update saju.charts set interpretation = 'x' where id = (select max(id) from saju.charts)",
    );
    expect(await run.verify()).toMatchObject({ clean: false, mismatched: 1 });
    await run.repair();
    await run.retryRejects();
    expect(await run.verify()).toMatchObject({ clean: true });
    await expectTargetEqualsSource(databases);
    const left = await run.databases.connect('cube', 'cubeshift frozen');
    left.on('error', () => undefined);
    const ended = await databases.cube.query(
      "select pg_terminate_backend(pid) as ended from pg_stat_activity where application_name = 'cubeshift frozen'",
    );
    expect(ended.rows).toEqual([{ ended: true }]);
    await run.rollBack();
    expect((await databases.cube.query('select from saju.charts')).rowCount).toBe(0);
  } finally {
    await databases.cube.query("update ledger.migrations set finished_at = now() where id = 'hostile'");
    await run.close();
    for (const undo of set.flatMap((side) => side.undo)) await undo();
  }
});

test('code of the database’s owner finds what its own search path names, behind pg_catalog', async () => {
  const client = await connectClient(urlOf('cube'), { ...choices, runsForeignCode: true });
  const path = await client.query<{ path: string }>("select current_setting('search_path') as path");
  expect(path.rows).toEqual([{ path: 'pg_catalog, "$user", public, pg_temp' }]);
  await client.end();
});

test('a session on legacy cannot write', async () => {
  const run = await RowsRun.open({ legacyUrl: databases.legacyUrl, cubeUrl: databases.cubeUrl }, 'reads');
  const reader = await run.databases.connect('legacy', 'cubeshift test');
  for (const client of [run.databases.legacy, reader])
    await expect(client.query('delete from public.saju_records')).rejects.toMatchObject({ code: '25006' });
  await reader.end();
  await run.close();
});

test('a statement whose client is gone is given up', async () => {
  const client = await connectClient(urlOf('legacy'), { applicationName: 'cubeshift gone' });
  const sleeping = client.query('select pg_sleep(600)');
  sleeping.catch(() => undefined);
  const sleepers = () =>
    databases.legacy.query(
      "select from pg_stat_activity where application_name = 'cubeshift gone' and state = 'active'",
    );
  await until('the statement to run', async () => (await sleepers()).rowCount === 1);
  await client.end();
  await until('the statement to be over', async () => (await sleepers()).rowCount === 0);
});

test('a connection that cannot be pinned is not handed out', async () => {
  await databases.cube.query('revoke execute on function pg_catalog.set_config from public');
  const pool = createPool(urlOf('cube'), { ...choices, max: 1 });
  await expect(pool.query('select 1')).rejects.toMatchObject({ code: '42501' });
  await expect(pool.connect()).rejects.toMatchObject({ code: '42501' });
  expect(pool.totalCount).toBe(0);
  await expect(connectClient(urlOf('cube'), choices)).rejects.toMatchObject({ code: '42501' });
  await databases.cube.query('grant execute on function pg_catalog.set_config to public');
  await pool.query('select 1');
  await pool.end();
});

test.each(sides)(
  'the embedded %s server logs no contents, and one that would is named with what it should say',
  async (side) => {
    expect(await unsafeLogSettings(databases[side])).toEqual([]);
    const name = nameOf(databases[`${side}Url`]);
    const unsafe = { log_error_verbosity: 'default', log_min_error_statement: 'error', log_parameter_max_length: '-1' };
    for (const [setting, value] of Object.entries({ ...unsafe, log_min_duration_statement: '100000' }))
      await databases[side].query(`alter database ${name} set ${setting} to '${value}'`);
    const client = await connectClient(databases[`${side}Url`], choices);
    expect(await unsafeLogSettings(client)).toEqual([
      { name: 'log_error_verbosity', value: 'default', wanted: 'terse' },
      { name: 'log_min_error_statement', value: 'error', wanted: 'panic' },
      { name: 'log_parameter_max_length', value: '-1', wanted: '0' },
    ]);
    await client.end();
    await databases[side].query(`alter database ${name} reset all`);
  },
);
