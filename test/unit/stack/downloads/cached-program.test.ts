import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProgramChecks } from '../../../../src/stack/downloads/cached-program.js';
import { contentSum } from '../../../../src/stack/downloads/content-sum.js';
import { Supervisor } from '../../../../src/stack/programs/supervisor.js';
import { StackHome } from '../../../../src/state/home.js';
import { isAlive } from '../../../../src/state/process-identity.js';
import { until } from '../../../support/conditions.js';

const isRoot = process.getuid?.() === 0;
let root: string;
let folder: string;
let sum: string;
let checks: ProgramChecks;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'cubeshift-cached-'));
  folder = make(join(root, 'server'));
  sum = await contentSum(folder);
  checks = new ProgramChecks();
  await checks.checkFolder(folder, sum);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A program with a library, as a server has. */
function make(place: string): string {
  mkdirSync(join(place, 'lib'), { recursive: true });
  mkdirSync(join(place, 'empty'));
  writeFileSync(join(place, 'program'), 'the program', { mode: 0o755 });
  writeFileSync(join(place, 'lib', 'library.so.1.2'), 'the library');
  writeFileSync(join(place, 'other'), 'the library');
  symlinkSync('library.so.1.2', join(place, 'lib', 'library.so'));
  return place;
}

const at = (...parts: string[]) => join(folder, ...parts);

describe('what is in the cache is started no more once', () => {
  test.each<[string, () => void]>([
    ['a byte is added', () => appendFileSync(at('program'), ' ')],
    ['a byte is another, the size and the times as they were', () => overwrite(at('program'), 'The program')],
    ['a library is another', () => overwrite(at('lib', 'library.so.1.2'), 'the lIbrary')],
    ['a file is missing', () => rmSync(at('other'))],
    ['a file is empty', () => writeFileSync(at('program'), '')],
    ['a file has come', () => writeFileSync(at('lib', 'preloaded.so'), '')],
    ['a file has another name', () => renameSync(at('other'), at('another'))],
    ['a file is in another folder', () => renameSync(at('other'), at('empty', 'other'))],
    ['a link leads elsewhere', () => relink('../program')],
    ['a link has become the file it led to', () => relink(undefined)],
    ['two files were swapped', swap],
  ])('%s', async (_, change) => {
    change();
    await expect(checks.checkFolder(folder, sum)).rejects.toMatchObject({
      message: expect.stringContaining('is not what was fetched'),
      hint: expect.stringContaining('it is fetched again'),
    });
  });

  test.skipIf(!isRoot).each([
    ['its folder', []],
    ['its program', ['program']],
    ['a library', ['lib', 'library.so.1.2']],
  ])('%s is another user’s', async (_, parts) => {
    chownSync(at(...parts), 65534, 65534);
    await expect(checks.checkFolder(folder, sum)).rejects.toMatchObject({
      message: expect.stringContaining("is another user's to change"),
      hint: expect.stringContaining('CUBESHIFT_CACHE'),
    });
  });
});

test('what others could write to is closed to them before it is read', async () => {
  for (const parts of [[], ['program'], ['lib'], ['lib', 'library.so.1.2']]) chmodSync(at(...parts), 0o777);
  await checks.checkFolder(folder, sum);
  for (const parts of [[], ['program'], ['lib'], ['lib', 'library.so.1.2']])
    expect(statSync(at(...parts)).mode & 0o777).toBe(0o755);
});

test('a program that was changed while it ran is not started again, and its log says why', async () => {
  const home = new StackHome(join(root, 'state'));
  home.prepare();
  const supervisor = new Supervisor(home);
  const spec = {
    name: 'server',
    command: 'sleep',
    args: ['60'],
    env: { PATH: process.env.PATH },
    port: null,
    version: '1',
    stopSignal: 'SIGTERM',
    ready: async () => true,
    check: () => checks.checkFolder(folder, sum),
  } as const;
  await supervisor.bringUp([spec]);
  overwrite(at('program'), 'The program');
  const { pid } = home.processes()[0] ?? { pid: 0 };
  const over = new AbortController();
  const watch = supervisor.watch(over.signal);
  process.kill(pid, 'SIGKILL');
  const log = home.path('logs', 'server.log');
  await until('the log to say why', () => readFileSync(log, 'utf8').includes('is not what was fetched'));
  over.abort();
  await watch;
  expect(home.processes().filter(isAlive)).toEqual([]);
  await supervisor.stop();
  await expect(new Supervisor(home).bringUp([spec], 200)).rejects.toThrow(/was not started: .*is not what was fetched/);
});

test('the sum is that of names and contents, whenever and however they were written', async () => {
  expect(await contentSum(make(join(root, 'again')))).toBe(sum);
});

function overwrite(file: string, text: string): void {
  const { atime, mtime } = statSync(file);
  writeFileSync(file, text);
  utimesSync(file, atime, mtime);
}

function relink(target: string | undefined): void {
  rmSync(at('lib', 'library.so'));
  if (target === undefined) writeFileSync(at('lib', 'library.so'), 'the library');
  else symlinkSync(target, at('lib', 'library.so'));
}

function swap(): void {
  renameSync(at('program'), at('kept'));
  renameSync(at('other'), at('program'));
  renameSync(at('kept'), at('other'));
}
