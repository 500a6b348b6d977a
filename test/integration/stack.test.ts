import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { packageVersion } from '../../src/package-root.js';
import { StackHome } from '../../src/stack/home.js';
import { identify } from '../../src/stack/process-identity.js';
import { listProcesses } from '../../src/stack/stack.js';
import { runCommand, type Said, startCommand, type Variables } from '../support/command-line.js';
import { until } from '../support/conditions.js';
import { createDatabases } from '../support/databases.js';

/** The embedded stack as `cubeshift up`, `ps`, `env` and `down` show it, killed in every way. */
const root = mkdtempSync(join(tmpdir(), 'cubeshift-stacks-'));
const first: Variables = { CUBESHIFT_HOME: join(root, 'first') };
const second: Variables = { CUBESHIFT_HOME: join(root, 'second') };
const servers = ['postgres-cube', 'postgres-legacy', 'redis', 'temporal'];
const programs = [
  'api-gateway-cube',
  'control',
  'legacy-saju',
  'monitoring-cube',
  `saju-cube-${packageVersion()}-1`,
  'security-cube',
  'worker-bulk-1',
  'worker-control',
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

  test(
    'two stacks in two folders, brought up at once, have each their own servers, ports and secrets',
    async () => {
      for (const { code, stderr } of await Promise.all([up(first), up(second)])) expect(code, stderr).toBe(0);
      const [one, two] = await Promise.all([ps(first), ps(second)]);
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

  test('what holds secrets is private to its user', () => {
    for (const name of ['settings.json', 'environment.json'])
      expect(statSync(join(first.CUBESHIFT_HOME ?? '', name)).mode & 0o777, name).toBe(0o600);
    expect(statSync(first.CUBESHIFT_HOME ?? '').mode & 0o777).toBe(0o700);
  });

  test(
    'a stack that is purged leaves the other untouched',
    async () => {
      const before = await ps(first);
      const gone = await ps(second);
      expect((await runCommand(['down', '--purge'], second)).code).toBe(0);
      expect(gone.filter(({ pid }) => isThere(pid))).toEqual([]);
      expect(statSync(second.CUBESHIFT_HOME ?? '', { throwIfNoEntry: false })).toBeUndefined();
      expect(await ps(first)).toEqual(before);
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
      expect((await ps(first)).map(({ name }) => name).sort()).toEqual([...servers, ...programs].sort());
      expect(await count((await env(first)).LEGACY_DATABASE_URL)).toBe(500);
    },
    limit,
  );

  test(
    'after the supervisor was killed, up takes over what lives and mends what is missing',
    async () => {
      const before = await ps(first);
      expect((await runCommand(['doctor'], first)).code).toBe(0);
      process.kill(supervisorOf(first), 'SIGKILL');
      await until('the doctor to miss it', async () => (await runCommand(['doctor'], first)).code === 1);
      const worker = before.find(({ name }) => name === 'worker-bulk-1');
      if (worker === undefined) throw new Error('there is a bulk worker');
      process.kill(worker.pid, 'SIGKILL');
      await until('the worker to be gone', () => !listed(first).some(({ pid }) => pid === worker.pid));
      expect(await up(first)).toMatchObject({ code: 0 });
      const after = new Map((await ps(first)).map(({ name, pid }) => [name, pid]));
      for (const { name, pid } of before) {
        if (name === 'worker-bulk-1') expect(after.get(name)).not.toBe(pid);
        else expect(after.get(name), name).toBe(pid);
      }
    },
    limit,
  );

  test(
    'after everything was killed at once, up brings all back with its data',
    async () => {
      const before = await ps(first);
      for (const pid of [supervisorOf(first), ...before.map(({ pid }) => pid)]) process.kill(pid, 'SIGKILL');
      expect(await up(first)).toMatchObject({ code: 0 });
      expect((await ps(first)).map(({ name }) => name).sort()).toEqual([...servers, ...programs].sort());
      expect(await count((await env(first)).LEGACY_DATABASE_URL)).toBe(500);
      const list = JSON.parse((await runCommand(['migrate', 'list', '--json'], first)).stdout);
      expect(list).toMatchObject([{ status: 'waiting', stage: 'verified' }]);
      const { id } = list[0];
      expect((await runCommand(['migrate', 'complete', id, '--wait'], first)).code).toBe(0);
    },
    limit,
  );

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops all and leaves no process',
    async (signal) => {
      await runCommand(['down'], first);
      const { child, said } = startCommand(['up', '--records', '500'], first);
      await until(
        'everything to be ready',
        () => listed(first).filter(({ state }) => state === 'ready').length === servers.length + programs.length,
        120_000,
      );
      const running = await ps(first);
      child.kill(signal);
      expect((await said).code).toBe(0);
      expect(running.filter(({ pid }) => isThere(pid))).toEqual([]);
      expect(await ps(first)).toEqual([]);
    },
    limit,
  );
});

describe('servers of the user', () => {
  test.each([
    [
      'LEGACY_DATABASE_URL',
      'postgres://u:p@127.0.0.1:1/x',
      'The database that LEGACY_DATABASE_URL names cannot be reached.',
    ],
    [
      'CUBE_DATABASE_URL',
      'postgres://u:p@127.0.0.1:1/x',
      'The database that CUBE_DATABASE_URL names cannot be reached.',
    ],
    ['REDIS_URL', 'redis://127.0.0.1:1', 'The Redis server that REDIS_URL names cannot be reached.'],
    ['TEMPORAL_ADDRESS', '127.0.0.1:1', 'The Temporal server at 127.0.0.1:1 cannot be reached.'],
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

  test('several malformed variables are told at once', async () => {
    const { code, stderr } = await runCommand(['up'], { ...second, LOG_LEVEL: 'loud', REDIS_URL: 'x' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/REDIS_URL[^\n]*\n.*LOG_LEVEL/);
  });

  test(
    'those that can be reached are used instead of embedded ones, and env says so',
    async () => {
      const databases = await createDatabases(300);
      const own = {
        LEGACY_DATABASE_URL: databases.legacyUrl,
        CUBE_DATABASE_URL: databases.cubeUrl,
        TEMPORAL_ADDRESS: inject('servers').temporalAddress,
      };
      try {
        expect(await up({ ...second, ...own })).toMatchObject({ code: 0 });
        expect((await ps(second)).map(({ name }) => name).sort()).toEqual(['redis', ...programs].sort());
        expect(await env(second)).toMatchObject(own);
        expect(await env(second)).not.toHaveProperty('TEMPORAL_UI_URL');
        expect(await count(databases.legacyUrl)).toBe(300);
        const ready = await fetch(`${(await env(second)).CONTROL_URL}/ready`);
        expect(ready.status).toBe(200);
      } finally {
        await runCommand(['down', '--purge'], second);
        await databases.drop();
      }
    },
    limit,
  );
});
