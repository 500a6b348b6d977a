import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeInside, stageUpload } from '../../../src/storage/write-inside.js';

let base: string;
let root: string;
const folder = () => ({ path: root, variable: 'LEGACY_STORAGE_DIR' });

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cubeshift-write-'));
  root = join(base, 'files');
  mkdirSync(root);
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside', 'a.txt'), 'outside');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

async function* chunks(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

describe('an upload', () => {
  test('lies under its own name once it is kept, and under none of a user before', async () => {
    const staged = await stageUpload(folder(), '한글 "이름".txt', chunks('one, ', 'two'));
    expect(staged).toMatchObject({ size: 8, path: expect.stringMatching(/^uploads\/[0-9a-f-]{36}\/한글 "이름".txt$/) });
    const own = dirname(join(root, staged.path));
    expect(readdirSync(own)).toEqual([expect.stringMatching(/^\.[0-9a-f-]{36}\.part$/)]);
    await staged.keep();
    expect(readdirSync(own)).toEqual(['한글 "이름".txt']);
    expect(readFileSync(join(root, staged.path), 'utf8')).toBe('one, two');
  });

  test.each(['before', 'after'])('that is discarded %s it was kept leaves nothing', async (when) => {
    const staged = await stageUpload(folder(), 'a.txt', chunks('content'));
    if (when === 'after') await staged.keep();
    await staged.discard();
    expect(readdirSync(join(root, 'uploads'))).toEqual([]);
  });

  test('that is cut off leaves nothing, and fails as its content does', async () => {
    async function* cut(): AsyncGenerator<Buffer> {
      yield Buffer.from('half');
      throw new Error('cut off');
    }
    await expect(stageUpload(folder(), 'a.txt', cut())).rejects.toThrow('cut off');
    expect(readdirSync(join(root, 'uploads'))).toEqual([]);
  });

  test('of the longest name is kept', async () => {
    const name = `${'가'.repeat(84)}abc`;
    await (await stageUpload(folder(), name, chunks('x'))).keep();
    const [own] = readdirSync(join(root, 'uploads'));
    expect(readdirSync(join(root, 'uploads', own ?? ''))).toEqual([name]);
  });

  test('two of one name at the same time are two', async () => {
    const both = await Promise.all(['one', 'two'].map((text) => stageUpload(folder(), 'a.txt', chunks(text))));
    await Promise.all(both.map((staged) => staged.keep()));
    expect(both.map(({ path }) => readFileSync(join(root, path), 'utf8'))).toEqual(['one', 'two']);
  });

  test('is not stored where uploads lead out of the folder', async () => {
    symlinkSync(join(base, 'outside'), join(root, 'uploads'));
    await expect(stageUpload(folder(), 'a.txt', chunks('x'))).rejects.toMatchObject({
      type: 'legacy_files_unreachable',
    });
    expect(readdirSync(join(base, 'outside'))).toEqual(['a.txt']);
  });

  test('fails in a folder that is not there', async () => {
    rmSync(root, { recursive: true });
    await expect(stageUpload(folder(), 'a.txt', chunks('x'))).rejects.toMatchObject({
      type: 'legacy_files_unreachable',
    });
  });
});

describe('removing', () => {
  test('an upload removes its folder, too', async () => {
    const staged = await stageUpload(folder(), 'a.txt', chunks('x'));
    await staged.keep();
    await removeInside(folder(), staged.path);
    expect(readdirSync(join(root, 'uploads'))).toEqual([]);
  });

  test('a link removes the link, not what it leads to', async () => {
    writeFileSync(join(root, 'b.txt'), 'inside');
    symlinkSync('b.txt', join(root, 'link'));
    symlinkSync('../outside/a.txt', join(root, 'astray'));
    for (const path of ['link', 'astray']) await removeInside(folder(), path);
    expect(readdirSync(root)).toEqual(['b.txt']);
    expect(existsSync(join(base, 'outside', 'a.txt'))).toBe(true);
  });

  test.each(['../outside/a.txt', 'folder/a.txt', 'none', 'none/none', 'empty', 'loop/a', '.'])(
    'touches nothing at %j',
    async (path) => {
      symlinkSync('../outside', join(root, 'folder'));
      symlinkSync('loop', join(root, 'loop'));
      mkdirSync(join(root, 'empty'));
      await removeInside(folder(), path);
      expect(readdirSync(root)).toEqual(['empty', 'folder', 'loop']);
      expect(readdirSync(join(base, 'outside'))).toEqual(['a.txt']);
    },
  );
});
