import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readConfiguration } from '../../src/config/configuration.js';
import { temporalTarget, temporalVariables } from '../../src/config/temporal-address.js';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';
import { listProcesses, type RunningStack, startServers } from '../../src/stack/stack.js';
import type { TemporalAccess } from '../../src/stack/temporal/embedded.js';
import { innerPorts } from '../../src/stack/temporal/inner-ports.js';
import { StackHome } from '../../src/state/home.js';
import { identify } from '../../src/state/process-identity.js';
import { connectTemporal } from '../../src/workers/worker.js';
import { until } from '../support/conditions.js';
import { createDatabases } from '../support/databases.js';

/** The embedded Temporal, closed to every other user of the machine; the other servers are the shared ones. */
const root = mkdtempSync(join(tmpdir(), 'cubeshift-closed-'));
const home = new StackHome(join(root, 'state'));
const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
let stack: RunningStack;
let databases: Awaited<ReturnType<typeof createDatabases>>;
let said: string[] = [];

function start(temporalAccess: TemporalAccess, into: StackHome = home): Promise<RunningStack> {
  const { legacyUrl, cubeUrl } = databases;
  const { redisUrl } = inject('servers');
  return startServers({
    home: into,
    cacheFolder: defaultCacheFolder(process.env),
    environment: { LEGACY_DATABASE_URL: legacyUrl, CUBE_DATABASE_URL: cubeUrl, REDIS_URL: redisUrl },
    log: (text) => said.push(text),
    temporalAccess,
  });
}

beforeAll(async () => {
  databases = await createDatabases(10);
  stack = await start('closed');
});
afterAll(async () => {
  await stack.stop();
  await databases.drop();
  rmSync(root, { recursive: true, force: true });
});

const processOf = (name: string) => listProcesses(home).find((one) => one.name === name);
const pidOf = (name: string) => processOf(name)?.pid ?? 0;
const target = () => temporalTarget(readConfiguration(stack.env, temporalVariables));

async function withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect(target());
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** As another user of this machine, who has nothing of this one's. */
function asAnother(command: string, args: readonly string[]) {
  const drop = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
  return run('setpriv', [...drop, '--', command, ...args], { env: { PATH: process.env.PATH }, timeout: 20_000 });
}

describe('with its certificates', () => {
  test('a client, a worker and the command line of Temporal reach it, by what `env` prints', async () => {
    expect(Object.keys(stack.env)).toEqual(
      expect.arrayContaining(['TEMPORAL_TLS', 'TEMPORAL_TLS_CA', 'TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY']),
    );
    await withConnection(async (connection) => {
      const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace: 'default' });
      expect(namespaceInfo?.name).toBe('default');
    });
    await (await connectTemporal(target())).close();
    const program = await ensureArtifact('temporal', defaultCacheFolder(process.env), () => undefined);
    const { stdout } = await run(program, ['operator', 'namespace', 'list'], {
      env: { ...stack.env, HOME: root, PATH: process.env.PATH },
    });
    expect(stdout).toContain('default');
  });

  test('what is large comes through whole', async () => {
    await withConnection(async (connection) => {
      const client = new Client({ connection });
      const memo = { text: 'x'.repeat(1_000_000) };
      const workflowId = randomUUID();
      await client.workflow.start('none', { taskQueue: 'none', workflowId, memo });
      expect((await client.workflow.getHandle(workflowId).describe()).memo).toEqual(memo);
      await client.workflow.getHandle(workflowId).terminate();
    });
  });
});

describe('without', () => {
  test.each([
    ['a certificate', ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY']],
    ['TLS', ['TEMPORAL_TLS', 'TEMPORAL_TLS_CA', 'TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY']],
    ['its authority', ['TEMPORAL_TLS_CA']],
  ])('%s neither client nor worker comes in', async (_, missing) => {
    const without = Object.fromEntries(Object.entries(stack.env).filter(([name]) => !missing.includes(name)));
    const other = temporalTarget(readConfiguration(without, temporalVariables));
    await expect(Connection.connect({ ...other, connectTimeout: '700ms' })).rejects.toThrow();
    await expect(connectTemporal(other)).rejects.toMatchObject({ type: 'temporal_unreachable' });
  });

  test('none of its ports is one of this machine: gRPC, HTTP API, Web UI, metrics and the rest', async () => {
    const inside = listeningPorts(readFileSync(`/proc/${pidOf('temporal')}/net/tcp`, 'utf8'));
    expect(inside).toEqual(expect.arrayContaining(Object.values(innerPorts)));
    // Those two, the HTTP API, metrics, and one for each service of the server.
    expect(inside.length).toBeGreaterThan(5);
    const sockets = socketsOf(pidOf('temporal'));
    const here = readFileSync('/proc/self/net/tcp', 'utf8').split('\n');
    expect(here.filter((row) => sockets.includes(row.trim().split(/\s+/)[9] ?? ''))).toEqual([]);
    const { temporal, 'temporal-front': front } = Object.fromEntries(
      listProcesses(home).map(({ name, port }) => [name, port]),
    );
    expect([temporal, front]).toEqual([
      Number(stack.env.TEMPORAL_ADDRESS?.split(':')[1]),
      Number(new URL(stack.env.TEMPORAL_UI_URL ?? '').port),
    ]);
  });

  test.skipIf(!isRoot)('another user of the machine reads no key, enters no network and opens no page', async () => {
    const uiPort = new URL(stack.env.TEMPORAL_UI_URL ?? '').port;
    const { env } = stack;
    const { stdout } = await asAnother('id', ['-u']);
    expect(stdout.trim()).toBe('65534');
    for (const file of [env.TEMPORAL_TLS_KEY, env.TEMPORAL_TLS_CERT, env.TEMPORAL_TLS_CA, home.path('temporal.db')])
      await expect(asAnother('cat', [file ?? '']), file).rejects.toThrow(/Permission denied/);
    await expect(asAnother('nsenter', ['--target', String(pidOf('temporal')), '--net', 'true'])).rejects.toThrow();
    const ask = `fetch('http://127.0.0.1:${uiPort}/api/v1/namespaces').then((a) => console.log(a.status))`;
    expect((await asAnother(process.execPath, ['-e', ask])).stdout.trim()).toBe('401');
    const program = await ensureArtifact('temporal', defaultCacheFolder(process.env), () => undefined);
    const copy = join(mkdtempSync(join(tmpdir(), 'cubeshift-another-')), 'temporal');
    await run('install', ['-m', '755', program, copy]);
    chmodSync(join(copy, '..'), 0o755);
    try {
      const args = ['workflow', 'list', '--address', env.TEMPORAL_ADDRESS ?? '', '--disable-config-file'];
      await expect(asAnother(copy, args)).rejects.toThrow(/the server requires TLS/);
      await expect(asAnother(copy, [...args, '--tls', '--tls-disable-host-verification'])).rejects.toThrow(/mTLS/);
    } finally {
      rmSync(join(copy, '..'), { recursive: true, force: true });
    }
  });

  test('no log and no argument that others read contains one of its secrets', async () => {
    const secrets = [
      new URL(stack.env.TEMPORAL_UI_URL ?? '').pathname.split('/')[2] ?? '',
      readFileSync(stack.env.TEMPORAL_TLS_KEY ?? '', 'utf8').split('\n')[1] ?? '',
    ];
    await fetch(stack.env.TEMPORAL_UI_URL ?? '');
    const readable = [
      ...readdirSync(home.path('logs')).map((name) => readFileSync(home.path('logs', name), 'utf8')),
      ...listProcesses(home).map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
      ...said,
    ];
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(30);
      expect(readable.filter((text) => text.includes(secret))).toEqual([]);
    }
  });
});

test('the link opens the Web UI, whose pages work', async () => {
  const url = stack.env.TEMPORAL_UI_URL ?? '';
  const { origin } = new URL(url);
  const opened = await fetch(`${url}/namespaces/default/workflows`);
  expect([opened.status, opened.headers.get('refresh')]).toEqual([200, '0; url=/namespaces/default/workflows']);
  const cookie = opened.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const page = await fetch(`${origin}/namespaces/default/workflows`, { headers: { cookie } });
  expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
  const script = /(?:src|href)="(\/_app\/[^"]+\.js)"/.exec(await page.text())?.[1];
  expect((await fetch(`${origin}${script}`, { headers: { cookie } })).status).toBe(200);
  const api = await fetch(`${origin}/api/v1/namespaces/default/workflows`, { headers: { cookie } });
  expect(await api.json()).toBeTypeOf('object');
  // A button of a page: the Web UI's own check, passed through the front's.
  const csrf = page.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const started = await fetch(`${origin}/api/v1/namespaces/default/workflows/by-the-ui`, {
    method: 'POST',
    headers: {
      cookie: `${cookie}; ${csrf}`,
      origin,
      'x-csrf-token': csrf.split('=')[1] ?? '',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ workflowType: { name: 'none' }, taskQueue: { name: 'none' } }),
  });
  expect(started.status).toBe(200);
  await withConnection((connection) => new Client({ connection }).workflow.getHandle('by-the-ui').terminate());
});

describe('killed', () => {
  test.each([
    { names: ['temporal'] },
    { names: ['temporal-front'] },
    { names: ['temporal', 'temporal-front'] },
    { names: ['temporal-front', 'temporal'] },
  ])('$names come back, closed and with their data', async ({ names }) => {
    const workflowId = randomUUID();
    await withConnection((connection) =>
      new Client({ connection }).workflow.start('none', { taskQueue: 'none', workflowId }),
    );
    const before = Object.fromEntries(listProcesses(home).map((entry) => [entry.name, entry.pid]));
    const over = new AbortController();
    const watch = stack.watch(over.signal);
    try {
      for (const name of names) process.kill(pidOf(name), 'SIGKILL');
      await until('all to be back', () =>
        ['temporal', 'temporal-front'].every(
          (one) => processOf(one)?.state === 'ready' && (pidOf(one) !== before[one]) === names.includes(one),
        ),
      );
    } finally {
      over.abort();
      await watch;
    }
    expect(network(pidOf('temporal'))).toBe(network(pidOf('temporal-front')));
    expect(network(pidOf('temporal'))).not.toBe(network('self'));
    await withConnection(async (connection) => {
      const handle = new Client({ connection }).workflow.getHandle(workflowId);
      expect((await handle.describe()).status.name).toBe('RUNNING');
    });
  });
});

test('an open server that a stack before this one left is taken down, and a closed one comes in its place', async () => {
  const other = new StackHome(join(root, 'other'));
  const left = await start('open', other);
  try {
    expect(left.env).not.toHaveProperty('TEMPORAL_TLS');
    const { pid } = listProcesses(other).find(({ name }) => name === 'temporal') ?? { pid: 0 };
    // As one whose supervisor was killed leaves it.
    rmSync(other.path('supervisor.lock'));
    const closed = await start('closed', other);
    expect(closed.env.TEMPORAL_ADDRESS).toBe(left.env.TEMPORAL_ADDRESS);
    expect(identify(pid)).toBeUndefined();
    const now = listProcesses(other);
    expect(now.map(({ name }) => name).sort()).toEqual(['temporal', 'temporal-front']);
    await closed.stop();
    expect(now.filter((entry) => identify(entry.pid) !== undefined)).toEqual([]);
  } finally {
    await left.stop();
  }
});

describe('where no network namespace can be made', () => {
  const path = process.env.PATH;
  const bin = join(root, 'bin');
  beforeAll(() => {
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'unshare'),
      '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n',
    );
    chmodSync(join(bin, 'unshare'), 0o755);
    process.env.PATH = `${bin}:${path}`;
  });
  afterAll(() => {
    process.env.PATH = path;
  });

  test('nothing is started, and a sentence says who could steer it and what to do', async () => {
    const none = new StackHome(join(root, 'none'));
    await expect(start('closed', none)).rejects.toMatchObject({
      type: 'configuration_invalid',
      message: expect.stringMatching(/Operation not permitted.*Every local user can control it/),
      hint: expect.stringContaining('--shared-machine'),
    });
    expect(listProcesses(none)).toEqual([]);
  });

  test('it goes on when that is accepted, and says the same', async () => {
    said = [];
    const open = new StackHome(join(root, 'open'));
    const shared = await start('closed_if_possible', open);
    try {
      expect(said).toContainEqual(expect.stringContaining('Every local user can control it'));
      expect(shared.env.TEMPORAL_UI_URL).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      const connection = await Connection.connect({ address: shared.env.TEMPORAL_ADDRESS ?? '' });
      await connection.close();
    } finally {
      await shared.stop();
    }
  });
});

test.skipIf(!isRoot)('an ordinary user gets the network too, and a front comes into it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-ordinary-'));
  chmodSync(folder, 0o777);
  const entry = join(folder, 'as-another.mjs');
  const { inOwnNetwork, inNetworkOf } = await import('../../src/stack/temporal/network.js');
  const words = { server: join(folder, 'server.pid'), front: join(folder, 'front.pid') };
  const server = inOwnNetwork('user', words, ['sleep', '20']);
  const front = inNetworkOf(words, [0], ['sh', '-c', 'readlink /proc/self/ns/net; echo "$FRONT_OUTSIDE"']);
  writeFileSync(
    entry,
    `import { spawn, spawnSync } from 'node:child_process';
     const [server, front] = ${JSON.stringify([server, front])};
     const one = spawn(server[0], server.slice(1));
     const two = spawnSync(front[0], front.slice(1), { encoding: 'utf8', timeout: 10000 });
     one.kill('SIGKILL');
     console.log(two.stdout, two.stderr);`,
  );
  try {
    const { stdout } = await asAnother(process.execPath, [entry]);
    const [inside, outside] = stdout.trim().split('\n');
    expect(inside).toMatch(/^net:\[\d+\]$/);
    expect(outside).toBe(network('self'));
    expect(inside).not.toBe(outside);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function network(pid: number | 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

/** Rule: `proc_net_tcp` of the kernel. */
function listeningPorts(table: string): readonly number[] {
  const rows = table.split('\n').map((row) => row.trim().split(/\s+/));
  return rows.filter((row) => row[3] === '0A').map((row) => Number.parseInt(row[1]?.split(':')[1] ?? '', 16));
}

function socketsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      // Closed meanwhile.
      return [];
    }
  });
}
