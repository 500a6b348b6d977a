import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fillLegacy } from '../../legacy/fill.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';
import { type RunningStack, startServers, stopStack } from '../../src/stack/stack.js';
import { StackHome } from '../../src/state/home.js';
import { choosePort } from '../../src/state/ports.js';
import { usualPorts } from '../../src/state/settings.js';
import { until } from '../support/conditions.js';

/**
 * A stack as this program made it before its servers were closed: an open Redis, one superuser for everybody, and of root's
 * databases the data in the state folder, run by `nobody` with the right to pass private folders.
 */
const home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-former-')));
const password = 'what everybody was told';
const isRoot = process.getuid?.() === 0;
const ports: Record<string, number> = {};
let stack: RunningStack | undefined;

beforeAll(async () => {
  const cache = defaultCacheFolder(process.env);
  const quiet = () => undefined;
  const program = await ensureArtifact('postgres', cache, quiet);
  const taken = new Set<number>();
  for (const name of Object.keys(usualPorts)) {
    const port = await choosePort(0, taken);
    taken.add(port);
    ports[name] = port;
  }
  home.prepare();
  writeFileSync(
    home.path('settings.json'),
    JSON.stringify({ ports, postgresPassword: password, cubeJwtSecret: 'c'.repeat(48), userJwtSecret: 'u'.repeat(48) }),
  );
  for (const [side, database] of [
    ['legacy', 'heal7'],
    ['cube', 'cubes'],
  ] as const) {
    const stop = await startFormer(program, side);
    const url = `postgres://cubeshift:${password}@127.0.0.1:${ports[`${side}Postgres`]}`;
    await ask(`${url}/postgres`, `create database ${database}`);
    if (side === 'legacy') await fillLegacy({ url: `${url}/heal7`, records: 20, seed: 7, log: quiet });
    else await upgradeLedger(`${url}/cubes`);
    await stop();
  }
  const redis = spawn(
    await ensureArtifact('redis', cache, quiet),
    ['--port', String(ports.redis), '--bind', '127.0.0.1', '--dir', home.folder, '--appendonly', 'yes', '--save', ''],
    { stdio: 'ignore' },
  );
  const open = new Redis(`redis://127.0.0.1:${ports.redis}`);
  open.on('error', quiet);
  await open.set('saju_cube_user_percentage', '35');
  open.disconnect();
  redis.kill('SIGTERM');
  await once(redis, 'exit');
  stack = await startServers({ home, cacheFolder: cache, environment: {}, log: quiet });
}, 120_000);
afterAll(async () => {
  await stack?.stop();
  await stopStack(home, { purge: true });
});

/** A data folder and a server as they were; returns how it is stopped. */
async function startFormer(program: string, side: 'legacy' | 'cube'): Promise<() => Promise<void>> {
  const data = home.path(`postgres-${side}`);
  const passwordFile = home.path('.password');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  const nobody = 65_534;
  if (isRoot) for (const path of [data, passwordFile]) chownSync(path, nobody, nobody);
  const drop = ['--reuid=65534', '--regid=65534', '--clear-groups', '--securebits=+no_setuid_fixup'];
  const former = isRoot ? ['setpriv', ...drop, '--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--'] : [];
  const initdb = [...former, join(dirname(program), 'initdb'), '-D', data, '-U', 'cubeshift', '--locale=C.UTF-8'];
  const [command = '', ...args] = [...initdb, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  await promisify(execFile)(command, args);
  writeFileSync(join(data, 'PG_VERSION.ready'), '');
  const port = String(ports[`${side}Postgres`]);
  const server = [...former, program, '-D', data, '-p', port, '-c', 'unix_socket_directories='];
  const [start = '', ...options] = server;
  const running = spawn(start, options, { stdio: 'ignore' });
  const url = `postgres://cubeshift:${password}@127.0.0.1:${port}/postgres`;
  await until('the former server', () =>
    ask(url, 'select 1').then(
      () => true,
      () => false,
    ),
  );
  return async () => {
    running.kill('SIGINT');
    await once(running, 'exit');
  };
}

async function ask(url: string, statement: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

const variable = (name: string) => stack?.env[name] ?? '';

test('its data are there, and belong to owners who are no superusers', async () => {
  const legacy = variable('LEGACY_DATABASE_URL');
  expect(await ask(legacy, 'select count(*)::int as rows from saju_records')).toEqual([{ rows: 20 }]);
  await ask(legacy, 'alter table saju_records add column later text');
  const cube = variable('CUBE_DATABASE_URL');
  expect(await ask(cube, 'select count(*)::int as rows from ledger.migrations')).toEqual([{ rows: 0 }]);
  for (const url of [legacy, cube])
    expect(
      await ask(url, 'select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user'),
    ).toEqual([{ rolsuper: false, rolcreaterole: false, rolcreatedb: false }]);
  const owners = `select distinct pg_get_userbyid(relowner) as owner from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1`;
  expect(await ask(legacy, owners)).toEqual([{ owner: 'heal7' }]);
  expect(await ask(cube, owners)).toEqual([{ owner: 'audit_owner' }, { owner: 'cubes' }]);
});

test('what everybody was told opens nothing any more', async () => {
  for (const name of ['legacyPostgres', 'cubePostgres'])
    for (const database of ['postgres', 'heal7', 'cubes'])
      await expect(
        ask(`postgres://cubeshift:${password}@127.0.0.1:${ports[name]}/${database}`, 'select 1'),
      ).rejects.toMatchObject({ code: '28P01' });
});

test('its Redis keeps what stood there, behind a password', async () => {
  const redis = new Redis(variable('REDIS_URL'));
  expect(await redis.get('saju_cube_user_percentage')).toBe('35');
  redis.disconnect();
  const open = new Redis(`redis://127.0.0.1:${ports.redis}`, { retryStrategy: () => null, enableReadyCheck: false });
  open.on('error', () => undefined);
  await expect(open.get('saju_cube_user_percentage')).rejects.toThrow('NOAUTH');
  open.disconnect();
});

test.runIf(isRoot)('root’s data lie outside of the state folder, and are the servers’ user’s alone', () => {
  const place = home.databasePlace();
  for (const name of ['postgres-legacy', 'postgres-cube']) {
    expect(statSync(home.path(name), { throwIfNoEntry: false })).toBeUndefined();
    const data = statSync(join(place?.folder ?? '', name));
    expect([data.uid, data.gid, data.mode & 0o777]).toEqual([place?.account, place?.account, 0o700]);
  }
});
