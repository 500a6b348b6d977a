import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readInside, statInside } from '../../../src/storage/inside-folder.js';

let base: string;
const folder = () => ({ path: join(base, 'models'), variable: 'LEGACY_MODEL_DIR' });

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cubeshift-inside-'));
  mkdirSync(join(base, 'models', 'deep'), { recursive: true });
  writeFileSync(join(base, 'models', 'deep', 'a.onnx'), 'inside');
  writeFileSync(join(base, 'secret'), 'outside');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function canMount(): boolean {
  const at = mkdtempSync(join(tmpdir(), 'cubeshift-mount-'));
  try {
    asRoot('mount', '--bind', at, at);
    asRoot('umount', at);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(at, { recursive: true });
  }
}

function asRoot(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'ignore' });
}

async function text(content: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const read = (path: string) => readInside(folder(), path, text);

test('a file is read by its path, and by links that stay inside', async () => {
  symlinkSync('deep/a.onnx', join(base, 'models', 'link.onnx'));
  symlinkSync(join(base, 'models', 'deep'), join(base, 'models', 'folder'));
  for (const path of ['deep/a.onnx', './deep//a.onnx', 'link.onnx', 'folder/a.onnx'])
    expect(await read(path)).toMatchObject({ kind: 'read', value: 'inside' });
});

test.each([
  ['a link out of the folder', 'outside', (at: string) => symlinkSync(join(base, 'secret'), at)],
  ['a link to the folder above', 'outside', (at: string) => symlinkSync('..', at)],
  ['a link out of the folder to nothing', 'outside', (at: string) => symlinkSync(join(base, 'nowhere'), at)],
  ['a link through a link out of the folder', 'outside', linkThroughLink],
  ['nothing', 'missing', () => undefined],
  ['a broken link', 'missing', (at: string) => symlinkSync('nowhere', at)],
  ['a loop of links', 'missing', (at: string) => symlinkSync('path', at)],
  ['a folder', 'not_a_file', (at: string) => mkdirSync(at)],
  ['a FIFO', 'not_a_file', (at: string) => execFileSync('mkfifo', [at])],
] as const)('%s is refused', async (_, kind, make) => {
  make(join(base, 'models', 'path'));
  expect(await read('path')).toMatchObject({ kind });
});

function linkThroughLink(at: string): void {
  symlinkSync('..', join(base, 'models', 'deep', 'up'));
  symlinkSync('../..', join(base, 'models', 'deep', 'out'));
  symlinkSync('deep/up/deep/out/nowhere', at);
}

test.skipIf(!canMount())(
  'a file whose disk gives errors is refused, and its folder is not away (needs root)',
  async () => {
    const file = join(base, 'models', 'deep', 'a.onnx');
    // Nothing is mapped at the first address of a process: reading it is an error of input or output.
    asRoot('mount', '--bind', `/proc/${process.pid}/mem`, file);
    try {
      expect(await read('deep/a.onnx')).toEqual({ kind: 'unreadable', detail: 'the file cannot be read (EIO)' });
    } finally {
      asRoot('umount', file);
    }
    expect(await read('deep/a.onnx')).toMatchObject({ kind: 'read' });
  },
);

test('a path through a file, or longer than a name may be, leads to nothing', async () => {
  expect(await read('deep/a.onnx/b')).toMatchObject({ kind: 'missing' });
  expect(await read('n'.repeat(300))).toMatchObject({ kind: 'missing' });
});

test('a file that is written or exchanged while it is read is read again, and given up after three tries', async () => {
  const file = join(base, 'models', 'deep', 'a.onnx');
  const discarded: string[] = [];
  const changing = (times: number, change: () => void) => async (content: AsyncIterable<Buffer>) => {
    const found = await text(content);
    if (left-- > 4 - times) change();
    return found;
  };
  const discard = async (value: string) => void discarded.push(value);
  let left = 4;
  const once = await readInside(
    folder(),
    'deep/a.onnx',
    changing(1, () => appendFileSync(file, '!')),
    discard,
  );
  expect([once, discarded]).toEqual([expect.objectContaining({ value: 'inside!' }), ['inside']]);
  left = 4;
  const exchange = () => {
    writeFileSync(`${file}.new`, 'another');
    renameSync(`${file}.new`, file);
  };
  const exchanged = await readInside(folder(), 'deep/a.onnx', changing(1, exchange), discard);
  expect(exchanged).toMatchObject({ kind: 'read', value: 'another' });
  left = 4;
  expect(
    await readInside(
      folder(),
      'deep/a.onnx',
      changing(3, () => appendFileSync(file, '!')),
      discard,
    ),
  ).toMatchObject({
    kind: 'changing',
  });
  expect(discarded).toHaveLength(5);
});

test('what a file was like is another text once it was written again', async () => {
  const before = await statInside(folder(), 'deep/a.onnx');
  expect(await statInside(folder(), 'deep/a.onnx')).toBe(before);
  writeFileSync(join(base, 'models', 'deep', 'a.onnx'), 'inside');
  expect(await statInside(folder(), 'deep/a.onnx')).not.toBe(before);
  expect(await statInside(folder(), 'none')).toBeUndefined();
});

test('a folder that is away is a failure that may pass, and says nothing of its files', async () => {
  rmSync(join(base, 'models'), { recursive: true });
  await expect(read('deep/a.onnx')).rejects.toMatchObject({ type: 'legacy_files_unreachable' });
});

test('an empty folder, as one without its share, is a failure that may pass', async () => {
  rmSync(join(base, 'models', 'deep'), { recursive: true });
  await expect(read('deep/a.onnx')).rejects.toMatchObject({
    type: 'legacy_files_unreachable',
    message: expect.stringContaining('of LEGACY_MODEL_DIR is empty'),
  });
});

test.skipIf(process.getuid?.() === 0).each([0o000, 0o400, 0o100])(
  'a folder of mode %o, which may not be read, is a failure that may pass (needs another user than root)',
  async (mode) => {
    chmodSync(join(base, 'models'), mode);
    try {
      await expect(read('none')).rejects.toMatchObject({ type: 'legacy_files_unreachable' });
    } finally {
      chmodSync(join(base, 'models'), 0o700);
    }
  },
);

test.skipIf(process.getuid?.() === 0)(
  'a file that alone may not be read is refused (needs another user than root)',
  async () => {
    chmodSync(join(base, 'models', 'deep', 'a.onnx'), 0o000);
    expect(await read('deep/a.onnx')).toMatchObject({ kind: 'unreadable' });
  },
);
