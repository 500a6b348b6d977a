import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedPaperwork } from '../../../legacy/paperwork/expected.js';
import { packageRoot } from '../../../src/base/package-root.js';
import { filePathProblem } from '../../../src/domain/paperwork/file-path.js';
import { readInside, statInside } from '../../../src/storage/inside-folder.js';
import { Appender, replaceKeepingSizeAndTime } from '../../support/changing-files.js';
import { PaperworkTree } from '../../support/paperwork-tree.js';

/** Legacy's special files, opened and read as the contract says. */
let tree: PaperworkTree;
const folder = () => ({ path: tree.files, variable: 'LEGACY_STORAGE_DIR' });
const expected = expectedPaperwork();

beforeAll(async () => {
  tree = await PaperworkTree.create({ files: 200, seed: 7, special: 'all' });
});
afterAll(() => tree.remove());

async function sum(content: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex');
}

const reasonOf = {
  outside: 'path_outside',
  missing: 'file_missing',
  not_a_file: 'not_a_file',
  unreadable: 'unreadable',
  changing: 'changes_while_read',
} as const;
const ofTheFile = new Set<string>(['moved', 'path_invalid', ...Object.values(reasonOf)]);
const judged = Object.entries(expected.files)
  .filter(([name, { outcome, needs }]) => ofTheFile.has(outcome) && needs === undefined && name !== 'large')
  .map(([name, { outcome, sha256 }]) => ({ name, outcome, sha256 }));

test.each(judged)('$name is $outcome', async ({ name, outcome, sha256 }) => {
  const path = tree.pathOf(name);
  if (filePathProblem(path) !== undefined) return expect('path_invalid').toBe(outcome);
  const read = await readInside(folder(), path, sum);
  if (read.kind !== 'read') return expect(reasonOf[read.kind]).toBe(outcome);
  expect([outcome, read.value]).toEqual(['moved', sha256]);
});

test.skipIf(process.getuid?.() !== 0)('a device is no file (needs root, to make one)', async () => {
  expect(await readInside(folder(), tree.pathOf('device'), sum)).toMatchObject({ kind: 'not_a_file' });
});

test('a file without rights for anyone is unreadable to a user other than root', async () => {
  for (const path of [tree.root, tree.files, join(tree.files, '오류')]) chmodSync(path, 0o755);
  const program = `
    const { readInside } = await import(process.argv[1]);
    if (process.getuid() === 0) { process.setegid(65534); process.seteuid(65534); }
    const read = await readInside({ path: process.argv[2], variable: 'X' }, process.argv[3], async (content) => { for await (const _ of content); });
    console.log(read.kind);`;
  const module = join(packageRoot(), 'dist', 'src', 'storage', 'inside-folder.js');
  const args = ['--input-type=module', '-e', program, module, tree.files, tree.pathOf('unreadable')];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout.trim()).toBe(reasonOf.unreadable);
});

test('a file whose bytes the disk does not give is unreadable', async () => {
  // The memory of a process has nothing at its first address: EIO.
  const own = { path: '/proc/self', variable: 'LEGACY_STORAGE_DIR' };
  expect(await readInside(own, 'mem', sum)).toMatchObject({
    kind: 'unreadable',
    detail: expect.stringContaining('EIO'),
  });
});

describe('a file that is written while it is read', () => {
  test('is changing as long as another program appends to it, and is read once that has ended', async () => {
    const path = tree.pathOf('appended-to');
    const slowly = async (content: AsyncIterable<Buffer>) => {
      const value = await sum(content);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return value;
    };
    const appender = await Appender.start(join(tree.files, path));
    try {
      expect(await readInside(folder(), path, slowly)).toMatchObject({ kind: 'changing' });
    } finally {
      await appender.stop();
    }
    const content = readFileSync(join(tree.files, path));
    expect(await readInside(folder(), path, sum)).toMatchObject({
      kind: 'read',
      value: createHash('sha256').update(content).digest('hex'),
    });
  });

  test('is read again when it was replaced by one of the same size and time', async () => {
    const path = tree.pathOf('replaced');
    const file = join(tree.files, path);
    const next = Buffer.from(readFileSync(file)).fill('new ');
    const before = await statInside(folder(), path);
    let replaced = false;
    const found = await readInside(folder(), path, async (content) => {
      const value = await sum(content);
      if (!replaced) replaceKeepingSizeAndTime(file, next);
      replaced = true;
      return value;
    });
    expect(found).toMatchObject({ kind: 'read', value: createHash('sha256').update(next).digest('hex') });
    expect(await statInside(folder(), path)).not.toBe(before);
  });
});
