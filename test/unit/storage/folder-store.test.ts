import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BlobStore, type Sha256, verified } from '../../../src/storage/blob-store.js';
import { createFolderStore } from '../../../src/storage/folder-store.js';
import { PartRecordsHere } from '../../support/part-records.js';

let root: string;
let store: BlobStore;

beforeEach(() => {
  root = join(mkdtempSync(join(tmpdir(), 'cubeshift-store-')), 'new', 'store');
  store = createFolderStore(root);
});
afterEach(() => rmSync(join(root, '..', '..'), { recursive: true, force: true }));

const sumOf = (text: string): Sha256 => createHash('sha256').update(text).digest('hex');
const fileOf = (text: string) => join(root, sumOf(text).slice(0, 2), sumOf(text));

async function* chunks(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function put(text: string): Promise<void> {
  await (await store.stage(chunks(text), 'test')).keep();
}

async function read(sha256: Sha256): Promise<string> {
  const read: Buffer[] = [];
  for await (const chunk of verified(store, sha256)) read.push(chunk);
  return Buffer.concat(read).toString();
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const files = () => readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

test('a content is at its address once it is kept, as one file that holds it and nothing else', async () => {
  const staged = await store.stage(chunks('a mo', 'del'), 'test');
  expect(staged).toMatchObject({ sha256: sumOf('a model'), size: 7 });
  const copy = join(root, '..', 'copy');
  await staged.copyTo(copy);
  expect(readFileSync(copy, 'utf8')).toBe('a model');
  expect([await store.has(staged.sha256), await store.check(staged.sha256)]).toEqual([false, 'missing']);
  await staged.keep();
  expect(readFileSync(fileOf('a model'), 'utf8')).toBe('a model');
  expect(await read(staged.sha256)).toBe('a model');
  expect(await store.check(staged.sha256)).toBeNull();
  expect(files()).toHaveLength(1);
  expect(statSync(fileOf('a model')).mode & 0o007).toBe(0);
});

test('what is discarded, or left by an owner that died, leaves nothing', async () => {
  await (await store.stage(chunks('one'), 'item/1')).discard();
  await store.stage(chunks('two'), 'item/1');
  await store.stage(chunks('three'), 'item/10');
  await put('four');
  await store.withdraw(sumOf('four'), 'item/1');
  await store.discardOf('item/1');
  expect(files().map(({ name }) => name.split('~')[0])).toEqual([encodeURIComponent('item/10')]);
  await store.discardOf('item/10');
  expect(files()).toEqual([]);
});

test('a content that stops in its middle leaves nothing', async () => {
  async function* broken() {
    yield Buffer.from('half');
    throw new Error('cut off');
  }
  await expect(store.stage(broken(), 'test')).rejects.toThrow('cut off');
  expect(files()).toEqual([]);
});

test('damage is found by reading, and the same content kept again replaces it', async () => {
  await put('a model');
  writeFileSync(fileOf('a model'), 'a mobel');
  await expect(read(sumOf('a model'))).rejects.toThrow('is damaged in the store');
  expect(await store.check(sumOf('a model'))).toBe('damaged');
  await put('a model');
  expect(await store.check(sumOf('a model'))).toBeNull();
});

test('a withdrawn content can be put back, also where it was stored again meanwhile', async () => {
  await put('a model');
  const first = await store.withdraw(sumOf('a model'), 'test');
  expect(await store.has(sumOf('a model'))).toBe(false);
  await first?.putBack();
  expect(await read(sumOf('a model'))).toBe('a model');
  const second = await store.withdraw(sumOf('a model'), 'test');
  await put('a model');
  await second?.putBack();
  expect(await read(sumOf('a model'))).toBe('a model');
  const third = await store.withdraw(sumOf('a model'), 'test');
  await put('a model');
  await third?.delete();
  expect(await read(sumOf('a model'))).toBe('a model');
  expect(files()).toHaveLength(1);
  expect(await store.withdraw(sumOf('another'), 'test')).toBeUndefined();
});

test('the list has what lies at an address alone', async () => {
  await put('one');
  await put('other');
  await store.stage(chunks('staged'), 'test');
  writeFileSync(join(root, sumOf('one').slice(0, 2), 'stranger'), '');
  const listed = await all(store.list());
  expect(listed.map(({ sha256, size }) => [sha256, size])).toEqual(
    ['one', 'other'].map((text) => [sumOf(text), text.length]).sort(),
  );
  for (const { storedAt } of listed) expect(Math.abs(Date.now() - storedAt.getTime())).toBeLessThan(60_000);
});

test('the list is in the order of addresses, and goes on behind any of them', async () => {
  const texts = Array.from({ length: 60 }, (_, place) => `content ${place}`);
  for (const text of texts) await put(text);
  const sums = texts.map(sumOf).sort();
  expect((await all(store.list())).map(({ sha256 }) => sha256)).toEqual(sums);
  for (const place of [0, 1, 29, 58, 59])
    expect((await all(store.list(sums[place]))).map(({ sha256 }) => sha256)).toEqual(sums.slice(place + 1));
});

test('what an owner withdrew and left is put back by its owner, and by no other', async () => {
  await put('one');
  await put('two');
  await store.withdraw(sumOf('one'), 'sweep');
  await store.withdraw(sumOf('two'), 'sweep/other');
  await store.stage(chunks('staged'), 'sweep');
  await store.putBackOf('sweep');
  expect(await read(sumOf('one'))).toBe('one');
  expect(await store.has(sumOf('two'))).toBe(false);
  expect(files()).toHaveLength(3);
  await store.putBackOf('sweep/other');
  expect(await read(sumOf('two'))).toBe('two');
});

test('a temporary file says whose it is, and is as old as its name for a withdrawn content', async () => {
  await put('long ago');
  const before = new Date(Date.now() - 1e9);
  utimesSync(fileOf('long ago'), before, before);
  const withdrawn = await store.withdrawMany([sumOf('long ago')], 'a~b');
  expect(withdrawn.youngest).toEqual(before);
  await store.stage(chunks('staged'), 'a');
  const [staged = ''] = readdirSync(join(root, '.staging')).filter((name) => name.startsWith('a~'));
  utimesSync(join(root, '.staging', staged), before, before);
  const found = await all(store.temporary());
  const summary = found.map((file) => [
    file.isOf('a'),
    file.isOf('a~b'),
    file.changedAt.getTime() === before.getTime(),
  ]);
  expect(summary.sort()).toEqual([
    [false, true, false],
    [true, false, true],
  ]);
  for (const file of found) await file.discard();
  expect(files()).toEqual([]);
});

test('what is no regular file at an address is damage, is replaced when its content is kept, and leaves when it is withdrawn', async () => {
  const [outside, address] = [join(root, '..', '..', 'outside'), fileOf('a model')];
  writeFileSync(outside, 'a model');
  const strangers = {
    folder: () => mkdirSync(join(address, 'inner'), { recursive: true }),
    link: () => symlinkSync(outside, address),
    loop: () => symlinkSync(address, address),
    pipe: () => execFileSync('mkfifo', [address]),
  };
  await put('a model');
  for (const [name, make] of Object.entries(strangers)) {
    rmSync(address, { recursive: true, force: true });
    make();
    expect(await store.check(sumOf('a model')), name).toBe('damaged');
    expect(await store.has(sumOf('a model')), name).toBe(false);
    await put('a model');
    expect(await read(sumOf('a model')), name).toBe('a model');
    rmSync(address);
    make();
    await (await store.withdraw(sumOf('a model'), 'test'))?.delete();
    expect(await store.check(sumOf('a model')), name).toBe('missing');
  }
  expect(readFileSync(outside, 'utf8')).toBe('a model');
});

test('a folder in which nothing was ever stored, or that is gone, is no store with missing contents', async () => {
  const says = { type: 'storage_unreachable', message: expect.stringContaining('Nothing was ever stored') };
  await expect(store.open(sumOf('one'))).rejects.toMatchObject(says);
  await expect(store.has(sumOf('one'))).rejects.toMatchObject(says);
  await put('one');
  renameSync(root, `${root}-unmounted`);
  mkdirSync(root);
  await expect(store.has(sumOf('one'))).rejects.toMatchObject(says);
  await expect(store.stage(chunks('two'), 'test')).rejects.toMatchObject(says);
  expect(readdirSync(root)).toEqual([]);
  mkdirSync(join(root, '.staging'));
  expect(await store.check(sumOf('one'))).toBe('missing');
  await put('one');
});

test('no descriptor stays open, whatever fails', async () => {
  await put('one');
  mkdirSync(fileOf('a folder'), { recursive: true });
  const before = readdirSync('/proc/self/fd').length;
  const broken = async function* () {
    yield Buffer.from('half');
    throw new Error('cut off');
  };
  for (let round = 0; round < 20; round++) {
    await store.stage(broken(), 'test').catch(() => undefined);
    await store.stageMany('test', (stage) => stage(broken())).catch(() => undefined);
    await store
      .stageInParts({ size: 4, stat: '', from: broken }, { owner: 'test', name: '1', records: new PartRecordsHere() })
      .catch(() => undefined);
    for (const sha256 of [sumOf('one'), sumOf('a folder'), sumOf('absent')]) await store.check(sha256);
    for await (const _ of await store.open(sumOf('one'))) break;
  }
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 2);
});

describe.skipIf(!canMount())('on a disk of its own', () => {
  const disk = () => mkdtempSync(join(tmpdir(), 'cubeshift-disk-'));
  const mounted = async (work: (folder: string) => Promise<void>) => {
    const folder = disk();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
    try {
      await work(folder);
    } finally {
      execFileSync('umount', [folder]);
      rmdirSync(folder);
    }
  };
  const large = Buffer.alloc(3 * 1024 * 1024, 'x');
  const source = {
    size: large.length,
    stat: 'same',
    async *from(position: number) {
      for (let at = position; at < large.length; at += 65_536) yield large.subarray(at, at + 65_536);
    },
  };

  test('that is full nothing stays staged, and a content in parts goes on when there is space', () =>
    mounted(async (folder) => {
      const full = createFolderStore(folder, 512 * 1024);
      const content = () => source.from(0);
      await expect(full.stage(content(), 'test')).rejects.toMatchObject({ type: 'disk_full' });
      await expect(
        full.stageMany('test', (stage) => Promise.all([stage(chunks('x')), stage(content())])),
      ).rejects.toMatchObject({ type: 'disk_full' });
      expect(readdirSync(join(folder, '.staging'))).toEqual([]);
      const records = new PartRecordsHere();
      const parts = { owner: 'test', name: '1', records };
      await expect(full.stageInParts(source, parts)).rejects.toMatchObject({ type: 'disk_full' });
      expect(records.parts).toHaveLength(4);
      execFileSync('mount', ['-o', 'remount,size=16m', folder]);
      const blob = await full.stageInParts(source, parts);
      await blob.keep();
      expect([blob.size, await full.check(blob.sha256)]).toEqual([large.length, null]);
    }));

  test('that is read-only everything is read, and every change fails and changes nothing', () =>
    mounted(async (folder) => {
      const here = createFolderStore(folder);
      await (await here.stage(chunks('one'), 'test')).keep();
      const staged = await here.stage(chunks('two'), 'test');
      execFileSync('mount', ['-o', 'remount,ro', folder]);
      const unreachable = { type: 'storage_unreachable' };
      for (const change of [
        () => here.stage(chunks('three'), 'test'),
        () => here.stageMany('test', (stage) => stage(chunks('three'))),
        () => here.keepMany([staged]),
        () => staged.keep(),
        () => staged.discard(),
        () => here.withdrawMany([sumOf('one')], 'test'),
        () => here.discardOf('test'),
      ])
        await expect(change()).rejects.toMatchObject(unreachable);
      expect(await here.check(sumOf('one'))).toBeNull();
      execFileSync('mount', ['-o', 'remount,rw', folder]);
      await staged.keep();
      expect(await here.check(sumOf('two'))).toBeNull();
    }));
});

/** Only root may, and in many containers not even root. */
function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(folder);
  }
}

test('a store that cannot be written is a failure that a person can mend', async () => {
  await put('one');
  writeFileSync(join(root, 'file'), '');
  const broken = createFolderStore(join(root, 'file'));
  await expect(broken.stage(chunks('x'), 'test')).rejects.toMatchObject({ type: 'storage_unreachable' });
  if (process.getuid?.() === 0) return;
  chmodSync(root, 0o500);
  await expect(store.stage(chunks('x'), 'test')).rejects.toMatchObject({ type: 'storage_unreachable' });
  chmodSync(root, 0o700);
});
