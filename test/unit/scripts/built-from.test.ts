import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';

interface Built {
  readonly commit: string | null;
  readonly changed: boolean;
}

const { builtFrom } = (await import(join(packageRoot(), 'scripts', 'built-from.mjs'))) as {
  readonly builtFrom: (root: string, environment: NodeJS.ProcessEnv) => Built;
};

const folder = mkdtempSync(join(tmpdir(), 'cubeshift-built-from-'));
const origin = join(folder, 'origin');
const named = 'f'.repeat(40);
let commit: string;

/** With no setting of the machine's or the user's own. */
function git(root: string, ...args: readonly string[]): string {
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
  const { status, stdout, stderr } = spawnSync('git', ['-C', root, ...author, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' },
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout.trim();
}

beforeAll(() => {
  mkdirSync(join(origin, 'src'), { recursive: true });
  git(folder, '-c', 'init.defaultBranch=main', 'init', '--quiet', origin);
  writeFileSync(join(origin, 'src', 'program.ts'), '');
  writeFileSync(join(origin, 'README.md'), '');
  git(origin, 'add', '.');
  git(origin, 'commit', '--quiet', '--message', 'first');
  commit = git(origin, 'rev-parse', 'HEAD');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function clone(name: string): string {
  const place = join(folder, name);
  git(folder, 'clone', '--quiet', origin, place);
  return place;
}

test('a fresh clone is at its commit', () => {
  expect(builtFrom(clone('fresh'), {})).toEqual({ commit, changed: false });
});

test('changed sources are, whatever else changed, not that commit', () => {
  const place = clone('changed');
  writeFileSync(join(place, 'README.md'), 'other words');
  expect(builtFrom(place, {})).toEqual({ commit, changed: false });
  writeFileSync(join(place, 'src', 'another.ts'), '');
  expect(builtFrom(place, {})).toEqual({ commit, changed: true });
});

test('git is believed, not a name that was left in the environment', () => {
  expect(builtFrom(clone('named'), { CUBESHIFT_COMMIT: named })).toEqual({ commit, changed: false });
});

test.each([
  ['what names it', { CUBESHIFT_COMMIT: named }, named],
  ['nothing', {}, null],
  ['what is no commit', { CUBESHIFT_COMMIT: 'main' }, null],
])('without a history it is %s', (_what, environment, expected) => {
  const place = join(folder, 'copy');
  cpSync(join(origin, 'src'), join(place, 'src'), { recursive: true });
  expect(builtFrom(place, environment)).toEqual({ commit: expected, changed: false });
});

test('a copy within another repository is not at that repository’s commit', () => {
  const place = join(clone('around'), 'vendor', 'cubeshift');
  cpSync(join(origin, 'src'), join(place, 'src'), { recursive: true });
  expect(builtFrom(place, {})).toEqual({ commit: null, changed: false });
});

test('a repository without a commit has none', () => {
  const place = join(folder, 'empty');
  git(folder, '-c', 'init.defaultBranch=main', 'init', '--quiet', place);
  expect(builtFrom(place, {})).toEqual({ commit: null, changed: false });
});
