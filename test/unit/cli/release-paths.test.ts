import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWholePaths } from '../../../src/cli/release-paths.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-release-'));
  mkdirSync(join(folder, 'bin'));
  for (const file of ['saju.js', 'bin/saju', 'saju.json']) writeFileSync(join(folder, file), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  [
    ['node', 'saju.js'],
    ['node', '/saju.js'],
  ],
  [['./bin/saju'], ['/bin/saju']],
  [
    ['bin/saju', '--port', '0'],
    ['/bin/saju', '--port', '0'],
  ],
  [
    ['node', '--import=./saju.js', 'saju.js'],
    ['node', '--import=/saju.js', '/saju.js'],
  ],
  [
    ['node', 'saju.js', '--settings=saju.json'],
    ['node', '/saju.js', '--settings=/saju.json'],
  ],
])('%j names its files from the root on', (words, whole) => {
  const rooted = (word: string) => word.replace(/(^|=)\/(?=bin|saju)/, `$1${folder}/`);
  expect(withWholePaths(words, folder)).toEqual(whole.map(rooted));
});

test.each([
  [['node', '-e', '0']],
  [['/usr/bin/env', 'saju', '--url=http://127.0.0.1:1/x']],
  [['python3', '-m', 'saju']],
])('%j stays as it is', (words) => {
  expect(withWholePaths(words, folder)).toEqual(words);
});

test.each([
  [['node', 'missing.js']],
  [['./missing']],
  [['node', '--import=./missing.mjs', 'saju.js']],
  [['bin/missing']],
])('%j is refused: there is no such file', (words) => {
  expect(() => withWholePaths(words, folder)).toThrow(/^There is no file .*missing/);
});
