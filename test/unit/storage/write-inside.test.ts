import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeAbandonedUploads } from '../../../src/storage/abandoned-uploads.js';
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

const receiving = () => join(root, 'uploads', '.receiving');
/** Folders of uploads, and what is being received. */
const uploads = () => [
  ...readdirSync(join(root, 'uploads')).filter((name) => name !== '.receiving'),
  ...readdirSync(receiving()),
];

async function* chunks(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

describe('an upload', () => {
  test('lies under its own name once it is kept, and under none of a user before', async () => {
    const staged = await stageUpload(folder(), '한글 "이름".txt', chunks('one, ', 'two'));
    expect(staged).toMatchObject({ size: 8, path: expect.stringMatching(/^uploads\/[0-9a-f-]{36}\/한글 "이름".txt$/) });
    const own = dirname(join(root, staged.path));
    expect(readdirSync(join(root, 'uploads'))).toEqual(['.receiving']);
    expect(readdirSync(receiving())).toEqual([expect.stringMatching(/^[0-9a-f-]{36}\.part$/)]);
    await staged.keep();
    expect(readdirSync(receiving())).toEqual([]);
    expect(readdirSync(own)).toEqual(['한글 "이름".txt']);
    expect(readFileSync(join(root, staged.path), 'utf8')).toBe('one, two');
  });

  test.each(['before', 'after'])('that is discarded %s it was kept leaves nothing', async (when) => {
    const staged = await stageUpload(folder(), 'a.txt', chunks('content'));
    if (when === 'after') await staged.keep();
    await staged.discard();
    expect(uploads()).toEqual([]);
  });

  test('that is cut off leaves nothing, and fails as its content does', async () => {
    async function* cut(): AsyncGenerator<Buffer> {
      yield Buffer.from('half');
      throw new Error('cut off');
    }
    await expect(stageUpload(folder(), 'a.txt', cut())).rejects.toThrow('cut off');
    expect(uploads()).toEqual([]);
  });

  test('of the longest name is kept', async () => {
    const name = `${'가'.repeat(84)}abc`;
    await (await stageUpload(folder(), name, chunks('x'))).keep();
    const [own] = uploads();
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

describe('what programs that died have left', () => {
  const day = 24 * 60 * 60 * 1000;
  function leave(name: string, age: number): void {
    mkdirSync(receiving(), { recursive: true });
    writeFileSync(join(receiving(), name), 'half');
    const written = new Date(Date.now() - age);
    utimesSync(join(receiving(), name), written, written);
  }
  const part = () => `${randomUUID()}.part`;

  test('is removed once nothing was written to it for a day', async () => {
    const young = part();
    leave(part(), day + 1000);
    leave(part(), 100 * day);
    leave(young, day - 10_000);
    leave('notes.txt', 100 * day);
    expect(await removeAbandonedUploads(folder())).toBe(2);
    expect(readdirSync(receiving()).sort()).toEqual([young, 'notes.txt'].sort());
  });

  test('is not looked for outside of the folder, or where there is nothing', async () => {
    expect(await removeAbandonedUploads(folder())).toBe(0);
    leave(part(), 100 * day);
    renameSync(join(root, 'uploads'), join(base, 'outside', 'uploads'));
    symlinkSync(join(base, 'outside', 'uploads'), join(root, 'uploads'));
    expect(await removeAbandonedUploads(folder())).toBe(0);
    expect(readdirSync(receiving())).toHaveLength(1);
  });

  test('does not matter to an upload that is being received', async () => {
    const staged = await stageUpload(folder(), 'a.txt', chunks('content'));
    expect(await removeAbandonedUploads(folder())).toBe(0);
    await staged.keep();
    expect(readFileSync(join(root, staged.path), 'utf8')).toBe('content');
  });
});

describe('removing', () => {
  test('an upload removes its folder, too', async () => {
    const staged = await stageUpload(folder(), 'a.txt', chunks('x'));
    await staged.keep();
    await removeInside(folder(), staged.path);
    expect(uploads()).toEqual([]);
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
