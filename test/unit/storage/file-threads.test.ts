import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';
import { inFileThread, smallBytes } from '../../../src/storage/threads/file-threads.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-threads-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const sumOf = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

test('what the system refuses has its code, and the thread goes on', async () => {
  const missing = { code: 'ENOENT', syscall: 'realpath' };
  await expect(inFileThread('openInside', folder, 'absent')).rejects.toMatchObject(missing);
  writeFileSync(at('a'), 'a content');
  expect(await inFileThread('sumOfSmall', at('a'), smallBytes)).toBe(sumOf('a content'));
});

test('a copy has the first bytes, and takes no name that is taken', async () => {
  writeFileSync(at('a'), 'a content that grows');
  const fd = openSync(at('a'), 'r');
  try {
    expect(await inFileThread('copyToNew', fd, 9, at('b'))).toEqual({ sha256: sumOf('a content'), size: 9 });
    expect(readFileSync(at('b'), 'utf8')).toBe('a content');
    await expect(inFileThread('copyToNew', fd, 1, at('b'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(at('b'), 'utf8')).toBe('a content');
  } finally {
    closeSync(fd);
  }
});

test('nothing stays of a copy whose source cannot be read', async () => {
  const fd = openSync(folder, 'r');
  try {
    expect(await inFileThread('copyToNew', fd, 9, at('b'))).toBeUndefined();
  } finally {
    closeSync(fd);
  }
  expect(existsSync(at('b'))).toBe(false);
});

test('files are renamed in turn until one cannot be', async () => {
  for (const name of ['a', 'b']) writeFileSync(at(name), name);
  const moves = ['a', 'absent', 'b'].map((name) => [at(name), at(`${name}-moved`)] as const);
  expect(await inFileThread('renameInTurn', moves)).toBe(1);
  expect([existsSync(at('a-moved')), existsSync(at('b'))]).toEqual([true, true]);
});

test('the program’s own thread goes on while a file thread works', async () => {
  writeFileSync(at('a'), Buffer.alloc(smallBytes));
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await Promise.all(Array.from({ length: 100 }, () => inFileThread('sumOfSmall', at('a'), smallBytes)));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);
});

test('a program that waits for no file thread ends', () => {
  const program = `
    const { statInside } = await import(process.argv[1]);
    console.log(typeof await statInside({ path: process.argv[2], variable: 'X' }, 'a'));`;
  writeFileSync(at('a'), 'a content');
  const module = join(packageRoot(), 'dist', 'src', 'storage', 'inside-folder.js');
  const args = ['--input-type=module', '-e', program, module, folder];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 }).trim()).toBe('string');
});
