import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, describe, expect, inject, test } from 'vitest';
import type { Visit } from '../../legacy/crawler-site/visits.js';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { packageVersion } from '../../src/base/package-root.js';
import { defaultCacheFolder } from '../../src/stack/downloads/fetch.js';
import { listProcesses } from '../../src/stack/stack.js';
import { StackHome } from '../../src/state/home.js';
import { identify } from '../../src/state/process-identity.js';
import { runCommand, type Said, startCommand, type Variables } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { createDatabases } from '../support/databases.js';
import { Markers } from '../support/markers.js';
import { canBeStranger, everythingIn, openToStrangers } from '../support/stranger.js';

/** The embedded stack as `cubeshift up`, `ps`, `env` and `down` show it, killed in every way. */
const root = mkdtempSync(join(tmpdir(), 'cubeshift-stacks-'));
/** With what a shell may have for other programs: none of it counts. */
const first: Variables = {
  CUBESHIFT_HOME: join(root, 'first'),
  PGHOST: '127.0.0.1',
  PGPORT: '1',
  PGUSER: 'somebody',
  PGPASSWORD: 'wrong',
  PGDATABASE: 'nowhere',
  PGSSLMODE: 'prefer',
  PGAPPNAME: 'somebody',
  PGOPTIONS: '-c TimeZone=Asia/Kathmandu -c default_transaction_read_only=on',
  PGSERVICE: 'nowhere',
};
const second: Variables = { CUBESHIFT_HOME: join(root, 'second') };
const servers = ['postgres-cube', 'postgres-legacy', 'redis', 'temporal', 'temporal-front'];
const programs = [
  `ai-cube-${packageVersion()}-1`,
  'api-gateway-cube',
  'control',
  `crawler-cube-${packageVersion()}-1`,
  'crawler-site',
  'legacy-ai',
  'legacy-crawler',
  'legacy-paperwork',
  'legacy-saju',
  'monitoring-cube',
  `paperwork-cube-${packageVersion()}-1`,
  `saju-cube-${packageVersion()}-1`,
  'security-cube',
  'worker-bulk-1',
  'worker-control',
  'worker-crawler',
  'worker-documents',
];
const limit = 240_000;

interface Listed {
  name: string;
  pid: number;
  port: number | null;
  version: string;
  state: string;
}

afterAll(async () => {
  for (const variables of [first, second]) await runCommand(['down', '--purge'], variables);
  rmSync(root, { recursive: true, force: true });
}, limit);

async function up(variables: Variables): Promise<Said> {
  return runCommand(['up', '--detach', '--records', '500'], variables);
}

async function ps(variables: Variables): Promise<Listed[]> {
  return JSON.parse((await runCommand(['ps', '--json'], variables)).stdout) as Listed[];
}

/** What `ps` would list: for looking again and again, without a program for each look. */
function listed(variables: Variables): readonly Listed[] {
  return listProcesses(new StackHome(variables.CUBESHIFT_HOME ?? ''));
}

async function env(variables: Variables): Promise<Record<string, string>> {
  return JSON.parse((await runCommand(['env', '--json'], variables)).stdout) as Record<string, string>;
}

/** A process that has ended counts as gone, whether or not anybody has asked for its end yet. */
function isThere(pid: number): boolean {
  return identify(pid) !== undefined;
}

function supervisorOf(variables: Variables): number {
  return JSON.parse(readFileSync(join(variables.CUBESHIFT_HOME ?? '', 'supervisor.lock'), 'utf8')).pid;
}

/** What one may who is let at the server itself. */
const refusedCommands = [
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'dir', '/tmp'],
  ['DEBUG', 'SLEEP', '0'],
  ['MODULE', 'LIST'],
  ['ACL', 'LIST'],
  ['ACL', 'SETUSER', 'default', 'on', 'nopass'],
  ['SHUTDOWN', 'NOSAVE'],
  ['REPLICAOF', '127.0.0.1', '1'],
  ['MONITOR'],
  ['SAVE'],
  ['FLUSHALL'],
  ['CLIENT', 'LIST'],
  ['FUNCTION', 'FLUSH'],
  ['FUNCTION', 'LOAD', '#!lua name=stranger\nredis.register_function("stranger", function() return 1 end)'],
  ['SCRIPT', 'FLUSH'],
  ['SCRIPT', 'KILL'],
] as const;
/** What opens more than a database: not every program is told of it. */
const secretVariables = [
  'TEMPORAL_TLS_CERT',
  'TEMPORAL_TLS_KEY',
  'TEMPORAL_API_KEY',
  'TEMPORAL_UI_URL',
  'USER_JWT_SECRET',
  'USER_JWT_SECRET_PREVIOUS',
];
const beyondTheDatabase = [
  "copy (select 1) to program 'id'",
  "copy (select 1) to '/tmp/cubeshift-was-here'",
  "select pg_read_file('/etc/passwd')",
  "select lo_import('/etc/passwd')",
  'create role stranger superuser',
  'create database strangers',
  "select pg_create_physical_replication_slot('strangers')",
  'set session_replication_role = replica',
];

async function once(url: string, statement: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.query(statement);
  } finally {
    await client.end();
  }
}

async function count(url: string | undefined): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  const found = await client.query('select count(*)::int as rows from saju_records');
  await client.end();
  return found.rows[0].rows;
}

describe('one stack, then two', () => {
  test('down where there is no stack says so, and makes no folder', async () => {
    expect(await runCommand(['down'], first)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('there was no stack running'),
    });
    expect(statSync(first.CUBESHIFT_HOME ?? '', { throwIfNoEntry: false })).toBeUndefined();
    expect(await ps(first)).toEqual([]);
    expect(await runCommand(['env', '--json'], first)).toMatchObject({ code: 3, stdout: '' });
  });

  test('where the first up fails, status says that no stack came up, and up can be typed again', async () => {
    const offline = {
      HTTPS_PROXY: 'http://127.0.0.1:9',
      CUBESHIFT_CACHE: join(root, 'cold'),
      npm_config_fetch_retries: '0',
      npm_config_cache: join(root, 'npm'),
    };
    expect(await runCommand(['up', '--detach'], { ...second, ...offline })).toMatchObject({ code: 3 });
    const { stdout } = await runCommand(['status'], second);
    expect(stdout).toContain('has never come up: its first `up` failed or was ended.');
  });

  test(
    'two stacks in two folders, brought up at once, have each their own servers, ports and secrets',
    async () => {
      const saids = await Promise.all([up(first), up(second)]);
      for (const { stderr } of saids) expect(stderr).not.toContain('keeps the records');
      for (const { code, stderr } of saids) {
        expect(code, stderr).toBe(0);
        expect(stderr).toMatch(/\nThe stack is up\.\nnext: cubeshift status\n {6}everything on one screen.*\n$/);
      }
      const [one, two] = await Promise.all([ps(first), ps(second)]);
      // The usual port is free for one of the two at most.
      const moved = saids.flatMap(({ stderr }, index) =>
        [...stderr.matchAll(/^port (\d+) is taken: (\S+) uses (\d+)$/gm)].map(([, , name, port]) => ({
          name,
          said: Number(port),
          listed: [one, two][index]?.find((entry) => entry.name === name)?.port,
        })),
      );
      const ofGateways = moved.filter(({ name }) => name === 'api-gateway-cube');
      expect(ofGateways).not.toEqual([]);
      for (const { said, listed } of ofGateways) expect(listed).toBe(said);
      for (const list of [one, two]) {
        expect(list.map(({ name }) => name).sort()).toEqual([...servers, ...programs].sort());
        expect(list.every(({ state, pid, version }) => state === 'ready' && isThere(pid) && version !== '')).toBe(true);
      }
      const ports = [...one, ...two].flatMap(({ port }) => port ?? []);
      expect(new Set(ports).size).toBe(ports.length);
      const [envOne, envTwo] = await Promise.all([env(first), env(second)]);
      expect(envOne.CUBE_JWT_SECRET).not.toBe(envTwo.CUBE_JWT_SECRET);
      for (const one of [envOne, envTwo]) expect(await count(one.LEGACY_DATABASE_URL)).toBe(500);
      expect((await runCommand(['migrate', 'start', 'saju-records', '--wait'], first)).code).toBe(0);
      expect(JSON.parse((await runCommand(['migrate', 'list', '--json'], second)).stdout)).toEqual([]);
    },
    limit,
  );

  test('the crawler of each stand-in crawls the site of its own stack', async () => {
    const sites = await Promise.all(
      [first, second].map(async (variables) => {
        const { CRAWLER_SITE_URL: site = '' } = await env(variables);
        const visits = await until('the active job has crawled', async () => {
          const lines = (await (await fetch(`${site}/_log`)).text()).split('\n').filter((line) => line !== '');
          return lines.length > 2 && lines.map((line) => JSON.parse(line) as Visit);
        });
        expect(visits.every(({ side }) => side === 'legacy')).toBe(true);
        return site;
      }),
    );
    expect(sites[0]).not.toBe(sites[1]);
  });

  test('a job in the cube’s table crawls the site on its schedule, and is paused and started at the cube’s own port', async () => {
    const { CRAWLER_SITE_URL: site = '', CRAWLER_CUBE_URL: cube = '', CUBE_DATABASE_URL: url = '' } = await env(first);
    const shell = { ...first, ...(await env(first)) };
    const { stdout } = await runCommand(['token', '--cube-id', 'test', '--permissions', 'crawler:call'], shell);
    const call = async (method: string, path: string) => {
      const answer = await fetch(cube + path, { method, headers: { authorization: `Bearer ${stdout.trim()}` } });
      return (await answer.json()) as { status: string; running: boolean };
    };
    await once(
      url,
      `insert into crawler.jobs (id, name, target_urls, schedule, extraction_rules, rate_limiting, status, runner, epoch)
       values (900001, 'of the cube', array['${site}/ko/1'], '{"type": "cron", "expression": "* * * * * *"}', '{"selectors": {"title": "h1"}}',
         '{"requests_per_minute": 1000, "delay_between_requests": 0}', 'scheduled', 'cube', 1)`,
    );
    const runs = (outcome: string) =>
      once(url, `select from crawler.runs where job_id = 900001 and outcome = '${outcome}'`);
    await until('two runs', async () => ((await runs('done')).rowCount ?? 0) >= 2);
    expect(await call('POST', '/jobs/900001/pause')).toMatchObject({ status: 'paused' });
    await until('it to rest', async () => !(await call('GET', '/jobs/900001')).running);
    const log = await (await fetch(`${site}/_log`)).text();
    expect(log).toContain('side=cube; job=900001;');
    const before = (await runs('done')).rowCount ?? 0;
    expect(await call('POST', '/jobs/900001/start')).toMatchObject({ status: 'scheduled' });
    await until('another run', async () => ((await runs('done')).rowCount ?? 0) > before);
    expect(await call('POST', '/jobs/900001/pause')).toMatchObject({ status: 'paused' });
  });

  test('what holds secrets is private to its user', () => {
    for (const name of ['settings.json', 'environment.json'])
      expect(statSync(join(first.CUBESHIFT_HOME ?? '', name)).mode & 0o777, name).toBe(0o600);
    expect(statSync(first.CUBESHIFT_HOME ?? '').mode & 0o777).toBe(0o700);
  });

  test.runIf(canBeStranger)(
    'another user of the machine reads nothing of its files, and of what its processes know',
    async () => {
      const home = new StackHome(first.CUBESHIFT_HOME ?? '');
      const { folder = '' } = home.databasePlace() ?? {};
      const known = (await ps(first)).flatMap(({ pid }) =>
        ['environ', 'mem', 'fd'].map((part) => `/proc/${pid}/${part}`),
      );
      const paths = [...everythingIn(home.folder), ...everythingIn(folder), ...known];
      expect(paths.length).toBeGreaterThan(1000);
      expect(await openToStrangers(paths)).toEqual([]);
    },
  );

  test('no argument of a process contains a secret', async () => {
    const settings = JSON.parse(readFileSync(join(first.CUBESHIFT_HOME ?? '', 'settings.json'), 'utf8'));
    const secrets = [
      ...Object.values<unknown>(settings).filter((value): value is string => typeof value === 'string'),
      ...Object.values(await env(first)).flatMap((value) => (URL.canParse(value) && new URL(value).password) || []),
    ];
    expect(secrets.length).toBeGreaterThan(5);
    for (const { name, pid } of await ps(first)) {
      const told = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      expect(
        secrets.filter((secret) => told.includes(secret)),
        name,
      ).toEqual([]);
    }
  });

  test('the database servers have no capability, and root’s a user of their own', async () => {
    const postgres = (await ps(first)).filter(({ name }) => name.startsWith('postgres-'));
    expect(postgres).toHaveLength(2);
    for (const { pid } of postgres) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const capabilities = [...status.matchAll(/^Cap(?:Inh|Prm|Eff|Amb):\s*(\w+)$/gm)].map(([, set]) => set);
      expect(capabilities).toEqual(Array.from({ length: 4 }, () => '0'.repeat(16)));
      if (!canBeStranger) continue;
      expect(status).toMatch(/^CapBnd:\t0+\nCapAmb:\t0+\nNoNewPrivs:\t1$/m);
      const uid = /^Uid:\t(\d+)/m.exec(status)?.[1];
      expect(readFileSync('/etc/passwd', 'utf8')).not.toMatch(new RegExp(`^[^:]*:[^:]*:${uid}:`, 'm'));
      expect(Number(uid)).toBeGreaterThan(0);
    }
  });

  test.runIf(canBeStranger)('root’s data lie outside of the state folder, and are the servers’ user’s alone', () => {
    const home = new StackHome(first.CUBESHIFT_HOME ?? '');
    const place = home.databasePlace();
    for (const name of ['postgres-legacy', 'postgres-cube']) {
      expect(existsSync(home.path(name))).toBe(false);
      const data = statSync(join(place?.folder ?? '', name));
      expect([data.uid, data.gid, data.mode & 0o777]).toEqual([place?.account, place?.account, 0o700]);
    }
  });

  test('its Redis answers no client without the password, and gives none with it access to the server itself', async () => {
    const { REDIS_URL = '' } = await env(first);
    const url = new URL(REDIS_URL);
    const ask = async (as: string, [command = '', ...args]: readonly string[]) => {
      const redis = new Redis(as, { retryStrategy: () => null, enableReadyCheck: false });
      redis.on('error', () => undefined);
      try {
        return String(await redis.call(command, ...args));
      } catch (error) {
        return String(error);
      } finally {
        redis.disconnect();
      }
    };
    const stranger = `redis://${url.host}`;
    for (const command of [['PING'], ['GET', 'saju_cube_enabled'], ['INFO'], ['CONFIG', 'GET', '*']] as const)
      expect(await ask(stranger, command), command.join(' ')).toContain('NOAUTH');
    for (const user of ['default', url.username])
      expect(await ask(`redis://${user}:guessed@${url.host}`, ['PING']), user).toMatch(/WRONGPASS|NOAUTH/);
    expect(await ask(REDIS_URL, ['SET', 'another-program', 'is there'])).toBe('OK');
    expect(await ask(REDIS_URL, ['GET', 'another-program'])).toBe('is there');
    for (const command of refusedCommands)
      expect(await ask(REDIS_URL, command), command.join(' ')).toMatch(/NOPERM|not allowed/);
  });

  test('its databases accept no client without a password, and no role that `env` names has access to files and programs', async () => {
    const variables = await env(first);
    const urls = Object.entries(variables).filter(([, value]) => value.startsWith('postgres://'));
    expect(urls.map(([name]) => name)).toEqual([
      'LEGACY_DATABASE_URL',
      'CUBE_DATABASE_URL',
      'SAJU_CUBE_LEGACY_URL',
      'AI_CUBE_LEGACY_URL',
      'PAPERWORK_CUBE_LEGACY_URL',
      'CRAWLER_CUBE_LEGACY_URL',
    ]);
    for (const [name, url] of urls) {
      for (const user of [new URL(url).username, 'cubeshift', 'postgres'])
        for (const password of ['', 'guessed']) {
          const guess = Object.assign(new URL(url), { username: user, password });
          await expect(once(guess.href, 'select 1'), `${user} at ${name}`).rejects.toThrow();
        }
      for (const statement of beyondTheDatabase)
        await expect(once(url, statement), `${name}: ${statement}`).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('its tables belong to owners who are no superusers', async () => {
    const { LEGACY_DATABASE_URL: legacy = '', CUBE_DATABASE_URL: cube = '' } = await env(first);
    const rights = 'select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user';
    for (const url of [legacy, cube])
      expect((await once(url, rights)).rows).toEqual([{ rolsuper: false, rolcreaterole: false, rolcreatedb: false }]);
    const owners = `select distinct pg_get_userbyid(relowner) as owner from pg_class c join pg_namespace n on n.oid = relnamespace
      where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1`;
    expect((await once(legacy, owners)).rows).toEqual([{ owner: 'heal7' }]);
    expect((await once(cube, owners)).rows).toEqual([{ owner: 'audit_owner' }, { owner: 'cubes' }]);
  });

  test('each program gets the URLs of the databases that it needs, as its own role, and no other secret', async () => {
    const told = Object.fromEntries(
      (await ps(first)).map(({ name, pid }) => {
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8')
          .split('\0')
          .map((one) => one.split(/=(.*)/s));
        const kept = variables.flatMap(([variable = '', value = '']) => {
          if (value.startsWith('postgres')) return [`${variable}: ${new URL(value).username}`];
          return secretVariables.includes(variable) ? [variable] : [];
        });
        return [name, kept.sort()];
      }),
    );
    const ofTemporal = ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'];
    expect(told).toEqual({
      ...Object.fromEntries([...servers, 'monitoring-cube', 'crawler-site'].map((name) => [name, []])),
      'api-gateway-cube': ['USER_JWT_SECRET'],
      'worker-control': ['CUBE_DATABASE_URL: control_worker', 'LEGACY_DATABASE_URL: engine_reader', ...ofTemporal],
      'worker-bulk-1': ['CUBE_DATABASE_URL: bulk_worker', 'LEGACY_DATABASE_URL: engine_reader', ...ofTemporal],
      'worker-documents': [
        'CUBE_DATABASE_URL: documents_worker',
        'PAPERWORK_CUBE_LEGACY_URL: paperwork_cube',
        ...ofTemporal,
      ],
      'worker-crawler': ['CRAWLER_CUBE_LEGACY_URL: crawler_cube', 'CUBE_DATABASE_URL: crawler_worker', ...ofTemporal],
      control: ['CUBE_DATABASE_URL: control_api', ...ofTemporal],
      'security-cube': ['AUDIT_DATABASE_URL: security_cube'],
      'legacy-saju': ['LEGACY_DATABASE_URL: heal7'],
      'legacy-ai': ['LEGACY_DATABASE_URL: heal7'],
      'legacy-paperwork': ['LEGACY_DATABASE_URL: heal7'],
      'legacy-crawler': ['LEGACY_DATABASE_URL: heal7'],
      [`ai-cube-${packageVersion()}-1`]: ['AI_CUBE_LEGACY_URL: ai_cube', 'CUBE_DATABASE_URL: ai_cube'],
      [`paperwork-cube-${packageVersion()}-1`]: [
        'CUBE_DATABASE_URL: paperwork_cube',
        'PAPERWORK_CUBE_LEGACY_URL: paperwork_cube',
      ],
      [`crawler-cube-${packageVersion()}-1`]: [
        'CRAWLER_CUBE_LEGACY_URL: crawler_cube',
        'CUBE_DATABASE_URL: crawler_cube',
      ],
      [`saju-cube-${packageVersion()}-1`]: ['CUBE_DATABASE_URL: saju_cube', 'SAJU_CUBE_LEGACY_URL: saju_cube'],
    });
  });

  test(
    'a stack that is purged leaves the other untouched',
    async () => {
      const before = await ps(first);
      const gone = await ps(second);
      const place = new StackHome(second.CUBESHIFT_HOME ?? '').databasePlace();
      const shell = { ...second, ...(await env(second)) };
      const { code, stderr } = await runCommand(['down', '--purge'], shell);
      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: expect.stringMatching(/this shell still has its variables; type `unset STATE_DIR STACK_ID .*`\n$/),
      });
      for (const words of [['status'], ['migrate', 'list'], ['up'], ['check']]) {
        const refused = await runCommand(words, shell);
        expect(refused.code, words.join(' ')).toBe(2);
        expect(refused.stderr).toMatch(
          /^This shell has the variables of a stack in .* that was removed\.\nNothing was changed\.\nType `unset STATE_DIR STACK_ID .*`, or open a new shell\.\n$/,
        );
      }
      expect(gone.filter(({ pid }) => isThere(pid))).toEqual([]);
      expect(statSync(second.CUBESHIFT_HOME ?? '', { throwIfNoEntry: false })).toBeUndefined();
      if (canBeStranger) expect(existsSync(dirname(place?.folder ?? ''))).toBe(true);
      if (place !== undefined) expect(existsSync(place.folder)).toBe(false);
      expect(await ps(first)).toEqual(before);
    },
    limit,
  );

  test(
    'the secret of cube tokens is changed while everything runs, and nobody notices',
    async () => {
      const { GATEWAY_URL, CONTROL_URL, CUBE_JWT_SECRET: former = '' } = await env(first);
      expect((await runCommand(['traffic', 'set', 'saju', '100', '--why', 'all'], first)).code).toBe(0);
      const cubeToken = (secret: string) =>
        issueCubeToken(secret, { cubeId: 'test', permissions: ['migration:read'] }, new Date()).token;
      const list = (token: string) =>
        fetch(`${CONTROL_URL}/v1/migrations`, { headers: { authorization: `Bearer ${token}` } });
      const asUser = async () => {
        const answer = await fetch(`${GATEWAY_URL}/api/saju/users/u/records`, { headers: { 'x-user-id': 'u' } });
        return `${answer.status} ${answer.headers.get('x-cube-target')}`;
      };
      await until('users to be on the cube', async () => (await asUser()) === '200 cube');
      const seen = new Set<string>();
      let over = false;
      const asking = (async () => {
        while (!over) {
          seen.add(await asUser());
          seen.add(`${(await list(cubeToken(former))).status} of the former`);
          await sleep(20);
        }
      })();
      expect(await runCommand(['secret', 'change'], first)).toMatchObject({ code: 0 });
      const { CUBE_JWT_SECRET: changed = '' } = await env(first);
      expect(changed).not.toBe(former);
      await until('the new one to be right', async () => (await list(cubeToken(changed))).status === 200);
      over = true;
      await asking;
      expect([...seen].sort()).toEqual(['200 cube', '200 of the former']);
      // Another one would break the promise to those who hold tokens of the former one.
      expect(await runCommand(['secret', 'change'], first)).toMatchObject({
        code: 4,
        stderr: expect.stringContaining('Tokens of the secret before this one are good until'),
      });
      // A program that is stopped still has the former one: until it knows the new one, it is good.
      const cube = (await ps(first)).find(({ name }) => name === 'monitoring-cube');
      if (cube === undefined) throw new Error('there is a monitoring cube');
      process.kill(cube.pid, 'SIGSTOP');
      let wakened = 0;
      const waking = (async () => {
        const { CUBE_JWT_SECRET: before } = await env(first);
        await until('the next one to be in use', async () => (await env(first)).CUBE_JWT_SECRET !== before);
        await sleep(4000);
        expect((await list(cubeToken(changed))).status).toBe(200);
        wakened = Date.now();
        process.kill(cube.pid, 'SIGCONT');
      })();
      const forgotten = await runCommand(['secret', 'change', '--forget-former'], first);
      expect(forgotten).toMatchObject({ code: 0, stderr: expect.not.stringContaining('did not say') });
      expect(Date.now()).toBeGreaterThan(wakened);
      await waking;
      expect((await list(cubeToken(changed))).status).toBe(401);
      expect((await runCommand(['traffic', 'set', 'saju', '0', '--why', 'nobody'], first)).code).toBe(0);
      await until('the former one to be refused', async () => (await list(cubeToken(former))).status === 401);
    },
    limit,
  );

  test(
    'no content of a record and no token of a URL gets into a log, a history, metrics, a command line or a file, whatever fails',
    async () => {
      const live = await env(first);
      const marks = new Markers();
      const [cube = '', legacy = ''] = [live.CUBE_DATABASE_URL, live.LEGACY_DATABASE_URL];
      const [{ id }] = JSON.parse((await runCommand(['migrate', 'list', '--json'], first)).stdout) as [{ id: string }];
      const migrate = async (...words: string[]) => (await runCommand(['migrate', ...words, '--wait'], first)).code;
      const row = (key: number, user: string, pillar = '갑자') => `insert into saju_records
        select ${key}, '${marks.of(user)}', birth_year, birth_month, birth_day, birth_hour, birth_minute, is_solar, is_leap_month,
               '${pillar}', month_pillar, day_pillar, hour_pillar, '{"clock": "${marks.of('convention')}"}',
               '${marks.of('interpretation')}', created_at, updated_at
          from saju_records where hour_pillar is not null and user_id <> '' order by id limit 1`;
      // Rows that are moved, rejected by the rules, refused by a constraint and by a trigger, and one that is in the way.
      await once(legacy, row(900_001, 'user'));
      await once(legacy, row(900_002, 'rejected', marks.of('pillar')));
      await once(legacy, row(900_003, 'refused'));
      await once(legacy, row(900_004, 'raised'));
      await once(legacy, row(900_005, 'aside'));
      await once(cube, `alter table saju.charts add constraint unwanted check (user_id <> '${marks.of('refused')}')`);
      await once(
        cube,
        `create function saju.raises() returns trigger language plpgsql as $$ begin
        if new.user_id = '${marks.of('raised')}' then raise exception 'no' using errcode = 'ZZ001', detail = new.user_id; end if;
        return new; end $$`,
      );
      await once(
        cube,
        'create trigger raises before insert on saju.charts for each row execute function saju.raises()',
      );
      await once(
        cube,
        `insert into saju.charts (id, user_id, birth_info, saju_chart, interpretation, created_at)
        values (900005, '${marks.of('in the way')}', '{}', '{}', '${marks.of('other interpretation')}', now())`,
      );
      expect(await migrate('verify', id)).toBe(5);
      await migrate('repair', id);
      const rejects = await once(cube, `select source_id from ledger.rejects where source_id > 900000`);
      expect(rejects.rowCount).toBe(3);
      await once(cube, `update saju.charts set interpretation = '${marks.of('changed')}' where id = 900001`);
      expect(await migrate('verify', id)).toBe(5);
      // Requests that fail, with a token where it does not belong, at every service.
      await once(
        legacy,
        `alter table saju_records add constraint unwanted check (interpretation <> '${marks.of('unwanted')}') not valid`,
      );
      const token = issueCubeToken(
        live.CUBE_JWT_SECRET ?? '',
        { cubeId: 'test', permissions: ['migration:read', 'saju:call'] },
        new Date(),
      ).token;
      const query = `?token=${marks.of('token')}&access_token=${marks.of('token')}`;
      const user = encodeURIComponent(marks.of('user'));
      const calls = [
        'GATEWAY_URL',
        'SAJU_CUBE_URL',
        'LEGACY_SAJU_URL',
        'CONTROL_URL',
        'SECURITY_CUBE_URL',
        'MONITORING_CUBE_URL',
      ].flatMap((name) => {
        const url = `${live[name]}${name === 'GATEWAY_URL' ? '/api/saju' : ''}`;
        const headers = {
          authorization: `Bearer ${token}`,
          'x-user-id': marks.of('user'),
          'content-type': 'application/json',
        };
        const body = (text: string) => ({ headers, body: text });
        return [
          fetch(`${url}/users/${user}/records${query}`, { headers }),
          fetch(`${url}/records/900001${query}`, { headers }),
          fetch(`${url}/records/900001${query}`, {
            method: 'PATCH',
            ...body(JSON.stringify({ interpretation: marks.of('unwanted') })),
          }),
          fetch(`${url}/calculate${query}`, { method: 'POST', ...body(`{"user_id": "${marks.of('body')}", `) }),
          fetch(`${url}/calculate${query}`, {
            method: 'POST',
            ...body(JSON.stringify({ user_id: marks.of('body'), [marks.of('field')]: 1 })),
          }),
          fetch(`${url}/v1/migrations/${id}/rejects${query}`, { headers }),
          fetch(`${url}/health${query}`, { headers }),
          fetch(`${url}/metrics${query}`),
        ];
      });
      const answers = await Promise.all(calls.map(async (call) => (await call).status));
      expect(answers.filter((status) => status >= 500).length).toBeGreaterThan(1);
      const metrics = await Promise.all(
        ['GATEWAY_URL', 'CONTROL_URL', 'SECURITY_CUBE_URL', 'MONITORING_CUBE_URL', 'SAJU_CUBE_URL'].map(
          async (name) => [`metrics of ${name}`, await (await fetch(`${live[name]}/metrics`)).text()] as const,
        ),
      );
      const view = await runCommand(['migrate', 'status', id, '--json'], first);
      // Temporal keeps histories in a file of the state folder, Redis what it is told.
      const home = marks.filesOf(first.CUBESHIFT_HOME ?? '', ['postgres-legacy', 'postgres-cube', 'legacy-files']);
      const places = [
        home,
        new Map([...metrics, ['status', view.stdout]]),
        marks.commandLines(),
        marks.temporaryFiles(),
      ];
      expect(places.flatMap((texts) => marks.foundIn(texts))).toEqual([]);
      expect([...home.keys()].filter((path) => path.endsWith('.log')).length).toBeGreaterThanOrEqual(
        programs.length + servers.length,
      );
      // A scan that finds nothing anywhere proves nothing.
      expect(marks.foundIn(new Map([['record', marks.of('user')]]))).toEqual(['record: user']);
      await once(
        legacy,
        'delete from saju_records where id > 900000; alter table saju_records drop constraint unwanted',
      );
      await once(cube, 'drop function saju.raises cascade; alter table saju.charts drop constraint unwanted');
      await migrate('verify', id);
      expect(await migrate('repair', id)).toBe(0);
    },
    limit,
  );

  test(
    'a version that dies shows its last lines and its log',
    async () => {
      const program = join(root, 'dies.mjs');
      writeFileSync(program, "console.error('its last words'); process.exit(3);");
      expect((await runCommand(['release', 'add', 'saju-cube', '9', 'node', program], first)).code).toBe(0);
      const { code, stdout, stderr } = await runCommand(['cubes', 'deploy', 'saju-cube', '9', '--wait'], first);
      expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(/^taken_back: /) });
      expect(stderr).toContain(`its log ${join(first.CUBESHIFT_HOME ?? '', 'logs', 'saju-cube-9-1.log')}:`);
      expect(stderr).toContain('  its last words');
    },
    limit,
  );

  test(
    'each process that is killed is started again, on its port',
    async () => {
      for (const { name, pid, port } of await ps(first)) {
        process.kill(pid, 'SIGKILL');
        const again = await until(`${name} to be there again`, () =>
          listed(first).find((one) => one.name === name && one.pid !== pid && one.state === 'ready'),
        );
        expect(again.port).toBe(port);
      }
      const { stdout } = await runCommand(['status'], first);
      // A process may be missed before its end is told.
      for (const name of programs)
        expect(stdout, name).toMatch(
          new RegExp(`${name} runs again since .*: the process before was (?:ended by|gone)`),
        );
      expect((await runCommand(['logs', 'worker-bulk-1', '--lines', '1000'], first)).stdout).toMatch(
        /worker-bulk-1: the process was (?:ended by SIGKILL|gone); it is started again/,
      );
      expect((await ps(first)).map(({ name }) => name).sort()).toEqual([...servers, ...programs].sort());
      expect(await count((await env(first)).LEGACY_DATABASE_URL)).toBe(500);
    },
    limit,
  );

  test(
    'after the supervisor was killed, up takes over what lives and mends what is missing',
    async () => {
      const before = await ps(first);
      // What tests alone need is not missing where nobody tests.
      const cache = mkdtempSync(join(root, 'cache-'));
      const whole = defaultCacheFolder(process.env);
      for (const name of readdirSync(whole))
        if (!name.startsWith('temporal-test-server')) symlinkSync(join(whole, name), join(cache, name));
      const doctor = await runCommand(['doctor'], { ...first, CUBESHIFT_CACHE: cache });
      expect(doctor, doctor.stdout).toMatchObject({ code: 0 });
      process.kill(supervisorOf(first), 'SIGKILL');
      await until('the doctor to miss it', async () => (await runCommand(['doctor'], first)).code === 1);
      const worker = before.find(({ name }) => name === 'worker-bulk-1');
      if (worker === undefined) throw new Error('there is a bulk worker');
      process.kill(worker.pid, 'SIGKILL');
      await until('the worker to be gone', () => !listed(first).some(({ pid }) => pid === worker.pid));
      const again = await up(first);
      expect(again).toMatchObject({ code: 0 });
      expect(again.stderr).toContain('keeps the records that it has; for another number type');
      const after = new Map((await ps(first)).map(({ name, pid }) => [name, pid]));
      for (const { name, pid } of before) {
        if (name === 'worker-bulk-1') expect(after.get(name)).not.toBe(pid);
        else expect(after.get(name), name).toBe(pid);
      }
    },
    limit,
  );

  test(
    'after everything was killed at once, up brings all back with its data, and SIGINT stops all',
    async () => {
      const before = await ps(first);
      // As a shell has them that once took them over by `eval "$(cubeshift env)"`.
      const shell = await env(first);
      for (const pid of [supervisorOf(first), ...before.map(({ pid }) => pid)]) process.kill(pid, 'SIGKILL');
      const foreground = await upInForeground({ ...shell, ...first }, [...servers, ...programs]);
      expect(await count((await env(first)).LEGACY_DATABASE_URL)).toBe(500);
      const redis = new Redis((await env(first)).REDIS_URL ?? '');
      expect(await redis.get('another-program')).toBe('is there');
      redis.disconnect();
      const list = JSON.parse((await runCommand(['migrate', 'list', '--json'], first)).stdout);
      expect(list).toMatchObject([{ status: 'waiting', stage: 'verified' }]);
      const { id } = list[0];
      const accept = ['migrate', 'rejects', id, '--accept', '--by', 'test', '--why', 'as foretold', '--wait'];
      expect((await runCommand(accept, first)).code).toBe(0);
      expect((await runCommand(['migrate', 'complete', id, '--wait'], first)).code).toBe(0);
      await foreground.stop('SIGINT');
      expect((await runCommand(['status'], first)).stdout).toContain('is stopped; its data is kept.');
    },
    limit,
  );
});

test('a stack that an earlier state of the program made is refused, keeps its data, and is removed by `down --purge`', async () => {
  const folder = join(root, 'earlier');
  const earlier: Variables = { CUBESHIFT_HOME: folder };
  const secret = 'a secret of 32 bytes, or some more';
  const settings = { ports: {}, postgresPassword: secret, cubeJwtSecret: secret, userJwtSecret: secret };
  const files = {
    [join(folder, 'settings.json')]: JSON.stringify(settings),
    [join(folder, 'postgres-cube', 'PG_VERSION.ready')]: '',
  };
  mkdirSync(join(folder, 'postgres-cube'), { recursive: true, mode: 0o700 });
  for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
  for (const words of [['up'], ['up', '--detach']]) {
    const { code, stderr } = await runCommand(words, earlier);
    expect(code).toBe(2);
    expect(stderr).toContain(`The stack in ${folder} was made by an earlier state of this program`);
    expect(stderr).toContain('`cubeshift down --purge`');
    expect(stderr).not.toContain(secret);
  }
  for (const [file, text] of Object.entries(files)) expect(readFileSync(file, 'utf8')).toBe(text);
  expect(await ps(earlier)).toEqual([]);
  expect((await runCommand(['down', '--purge'], earlier)).code).toBe(0);
  expect(existsSync(folder)).toBe(false);
});

/** `up` as it is typed, with all of `names` ready. */
async function upInForeground(variables: Variables, names: readonly string[]) {
  const { child, said } = startCommand(['up', '--records', '500'], variables);
  const ready = () => listed(variables).filter(({ state }) => state === 'ready');
  await until('everything to be ready', () => ready().length === names.length, 120_000);
  expect(
    ready()
      .map(({ name }) => name)
      .sort(),
  ).toEqual([...names].sort());
  return {
    /** Ends it, and sees that nothing of it is left. */
    stop: async (signal: NodeJS.Signals) => {
      const running = listed(variables);
      child.kill(signal);
      const { code, stderr } = await said;
      expect(code, stderr).toBe(0);
      expect(running.filter(({ pid }) => isThere(pid))).toEqual([]);
      expect(await ps(variables)).toEqual([]);
    },
  };
}

describe('servers of the user', () => {
  test.each([
    [
      'LEGACY_DATABASE_URL',
      'postgres://u:p@127.0.0.1:1/x',
      'The legacy database cannot be reached: nothing listens on port 1 of 127.0.0.1.',
    ],
    [
      'CUBE_DATABASE_URL',
      'postgres://u:p@127.0.0.1:1/x',
      'The cube database cannot be reached: nothing listens on port 1 of 127.0.0.1.',
    ],
    [
      'REDIS_URL',
      'redis://127.0.0.1:1',
      'The Redis server that REDIS_URL names cannot be reached: nothing listens on port 1 of 127.0.0.1.',
    ],
    [
      'TEMPORAL_ADDRESS',
      '127.0.0.1:1',
      'The Temporal server at 127.0.0.1:1 cannot be reached: nothing listens on port 1 of 127.0.0.1.',
    ],
  ])(
    'one named by %s that cannot be reached is exit code 3 and one sentence, and nothing stays up',
    async (name, value, sentence) => {
      for (const args of [['up'], ['up', '--detach']]) {
        const { code, stderr } = await runCommand(args, { ...second, [name]: value });
        expect(code, stderr).toBe(3);
        expect(stderr).toContain(sentence);
        expect(stderr).not.toMatch(/\bat .*:\d+:\d+/);
      }
      expect(await ps(second)).toEqual([]);
    },
    limit,
  );

  test.each([
    ['TEMPORAL_ADDRESS', 'localhost', 'TEMPORAL_ADDRESS must be host:port'],
    ['LEGACY_DATABASE_URL', 'mysql://u:hidden@h/x', 'LEGACY_DATABASE_URL must be a URL such as'],
    ['CUBE_DATABASE_URL', 'postgres://u:hidden@h', 'CUBE_DATABASE_URL must name a database'],
    ['REDIS_URL', 'hidden', 'REDIS_URL must be a URL such as redis://host:6379'],
    ['CUBE_JWT_SECRET', 'hidden', 'CUBE_JWT_SECRET must be 32 bytes or more'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of'],
  ])('a malformed %s is exit code 2 and one sentence without its value', async (name, value, sentence) => {
    const { code, stdout, stderr } = await runCommand(['up', '--detach'], { ...second, [name]: value });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(sentence);
    expect(stderr).not.toContain('hidden');
  });

  test('several malformed variables are reported at once', async () => {
    const { code, stderr } = await runCommand(['up'], { ...second, LOG_LEVEL: 'loud', REDIS_URL: 'x' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/REDIS_URL[^\n]*\n.*LOG_LEVEL/);
  });

  test(
    'those that can be reached are used instead of embedded ones, env says so, and SIGTERM stops the rest',
    async () => {
      const databases = await createDatabases(300);
      const own = {
        LEGACY_DATABASE_URL: databases.legacyUrl,
        CUBE_DATABASE_URL: databases.cubeUrl,
        TEMPORAL_ADDRESS: inject('servers').temporalAddress,
      };
      try {
        const foreground = await upInForeground({ ...second, ...own }, ['redis', ...programs]);
        expect(await env(second)).toMatchObject(own);
        expect(await env(second)).not.toHaveProperty('TEMPORAL_UI_URL');
        expect(await count(databases.legacyUrl)).toBe(300);
        const ready = await fetch(`${(await env(second)).CONTROL_URL}/ready`);
        expect(ready.status).toBe(200);
        await foreground.stop('SIGTERM');
        expect(await count(databases.legacyUrl)).toBe(300);
      } finally {
        await runCommand(['down', '--purge'], second);
        await databases.drop();
      }
    },
    limit,
  );
});
