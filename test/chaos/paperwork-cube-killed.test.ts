import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { packageRoot } from '../../src/base/package-root.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { listInside } from '../../src/storage/list-inside.js';
import { receivingFolder } from '../../src/storage/write-inside.js';
import { until } from '../support/conditions.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { testSecret } from '../support/engine.js';
import { OwnRedis } from '../support/own-redis.js';
import { ServiceProcess } from '../support/service-process.js';

/** The paperwork cube as the program that `up` starts, killed in front of each side effect of an upload. */
const limit = 300_000;
const content = randomBytes(300_000);
const { token } = issueCubeToken(
  testSecret,
  { cubeId: 'api-gateway-cube', permissions: ['paperwork:call'] },
  new Date(),
);
const headers = { 'x-cube-token': token };
let databases: TestDatabases;
let redis: OwnRedis;
let root: string;
let folders = 0;
const cubes: ServiceProcess[] = [];

beforeAll(async () => {
  [databases, redis] = await Promise.all([createDatabases(0), OwnRedis.start()]);
  await upgradeLedger(databases.cubeUrl);
  root = mkdtempSync(join(tmpdir(), 'cubeshift-cube-killed-'));
}, limit);
afterAll(async () => {
  for (const cube of cubes) await cube.end('SIGKILL');
  await redis.stop();
  await databases.drop();
  rmSync(root, { recursive: true });
});

/** LEGACY_STORAGE_DIR after a first upload: each one has the same side effects. */
function newFolder(): string {
  const folder = join(root, `files-${++folders}`);
  mkdirSync(join(folder, receivingFolder), { recursive: true });
  return folder;
}

async function startCube(folder: string, killAt?: number): Promise<ServiceProcess> {
  const victim = pathToFileURL(join(packageRoot(), 'test', 'support', 'paperwork-cube-victim.mjs')).href;
  const cube = await ServiceProcess.start('paperwork', {
    LEGACY_DATABASE_URL: databases.legacyUrl,
    CUBE_DATABASE_URL: databases.cubeUrl,
    LEGACY_STORAGE_DIR: folder,
    CUBE_STORAGE_URL: join(root, 'store'),
    REDIS_URL: redis.url,
    CUBE_JWT_SECRET: testSecret,
    ...(killAt === undefined
      ? {}
      : { NODE_OPTIONS: `--import=${victim}`, VICTIM_TRACE: `${folder}.trace`, VICTIM_KILL_AT: String(killAt) }),
  });
  cubes.push(cube);
  return cube;
}

const effectsOf = (folder: string): readonly string[] => readFileSync(`${folder}.trace`, 'utf8').trim().split('\n');

/** Undefined where no answer came. */
async function upload(
  cube: ServiceProcess,
  name: string,
): Promise<{ status: number; path: string; id: number } | undefined> {
  const form = new FormData();
  form.set('file', new Blob([content]), name);
  try {
    const answer = await fetch(`${cube.url}/files`, { method: 'POST', headers, body: form });
    return { status: answer.status, ...((await answer.json()) as { path: string; id: number }) };
  } catch {
    return undefined;
  }
}

/** Paths of legacy's rows of the uploads of this name. */
async function rowsOf(name: string): Promise<readonly string[]> {
  const found = await databases.legacy.query<{ path: string }>(
    `select path from paperwork_files where path like '%/' || $1 and size = $2`,
    [name, content.length],
  );
  return found.rows.map(({ path }) => path);
}

/** Regular files below legacy's folder, as the listing of files without a row finds them. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const { path } of listInside({ path: folder, variable: 'LEGACY_STORAGE_DIR' }))
    paths.push(path.toString());
  return paths;
}

const temporary = /^uploads\/\.receiving\/[0-9a-f-]{36}\.part$/;
const dayMillis = 24 * 60 * 60 * 1000;

/** Kills a cube before one of its effects of an upload under this name; returns what that left. */
async function killBefore(killAt: number, folder: string, name: string): Promise<string> {
  const before = await filesIn(folder);
  rmSync(`${folder}.trace`, { force: true });
  const victim = await startCube(folder, killAt);
  expect(await upload(victim, name)).toBeUndefined();
  await victim.end('SIGKILL');
  if (killAt > 1) expect(effectsOf(folder)).toHaveLength(killAt - 1);

  const rows = await rowsOf(name);
  const left = (await filesIn(folder)).filter((path) => !before.includes(path));
  // A row is never without its file, and what has a name of its own is whole, with its row or without.
  const files = [...new Set([...rows, ...left.filter((path) => !temporary.test(path))])];
  for (const path of files) expect(readFileSync(join(folder, path)).equals(content)).toBe(true);
  expect(files.length).toBeLessThan(2);
  const parts = left.filter((path) => temporary.test(path));
  expect(parts.length).toBeLessThan(2);
  const kinds = [rows.length > 0 ? 'row' : '', files.length > 0 ? 'file' : '', parts.length > 0 ? 'part' : ''];
  return kinds.filter(Boolean).join(' and ') || 'nothing';
}

test('killed in front of each side effect, it leaves at most a whole file without a row', {
  timeout: limit,
}, async () => {
  const first = newFolder();
  const whole = await startCube(first, 0);
  expect(await upload(whole, 'whole.bin')).toMatchObject({ status: 201 });
  await whole.end('SIGKILL');
  const effects = effectsOf(first);
  const left: string[] = [];
  await Promise.all(
    [0, 1, 2].map(async (lane) => {
      const folder = newFolder();
      const kills = effects.map((_, index) => index + 1).filter((killAt) => killAt % 3 === lane);
      for (const killAt of kills) left[killAt - 1] = await killBefore(killAt, folder, `${killAt}.bin`);
      const before = await filesIn(folder);
      const next = await startCube(folder);
      for (const killAt of kills) {
        const rows = await rowsOf(`${killAt}.bin`);
        const again = await upload(next, `${killAt}.bin`);
        expect(again).toMatchObject({ status: 201 });
        const answer = await fetch(`${next.url}/files/${again?.id}/content`, { headers });
        expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
        expect(await rowsOf(`${killAt}.bin`)).toHaveLength(rows.length + 1);
      }
      await next.end('SIGTERM');
      // A temporary file that is not old may be that of another program.
      expect(await filesIn(folder)).toEqual(expect.arrayContaining([...before]));
    }),
  );
  const named = ['create', 'writeFile', 'link', 'unlink', 'row', 'answer'];
  expect(effects.filter((name) => named.includes(name))).toEqual(named);
  expect(Object.fromEntries(named.map((name) => [name, left[effects.indexOf(name)]]))).toEqual({
    create: 'nothing',
    writeFile: 'part',
    link: 'part',
    unlink: 'file and part',
    row: 'file',
    answer: 'row and file',
  });
});

test('the temporary file of a killed cube is removed by the next one once it is a day old, and nothing else', async () => {
  const folder = newFolder();
  const victim = await startCube(folder, 0);
  await upload(victim, 'whole.bin');
  await victim.end('SIGKILL');
  const killAt = effectsOf(folder).indexOf('unlink') + 1;
  const second = newFolder();
  const killed = await startCube(second, killAt);
  await upload(killed, 'a.bin');
  await killed.end('SIGKILL');
  const receiving = join(second, receivingFolder);
  const [part = ''] = readdirSync(receiving);
  const others = (await filesIn(second)).filter((path) => !temporary.test(path));
  expect(others).toHaveLength(1);

  const young = await startCube(second);
  await young.end('SIGTERM');
  expect(readdirSync(receiving)).toEqual([part]);

  const old = new Date(Date.now() - dayMillis - 60_000);
  utimesSync(join(receiving, part), old, old);
  const next = await startCube(second);
  await until('the temporary file to be removed', () => readdirSync(receiving).length === 0);
  await next.end('SIGTERM');
  expect(await filesIn(second)).toEqual(others);
});
