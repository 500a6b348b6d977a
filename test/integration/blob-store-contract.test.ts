import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failures.js';
import { type BlobStore, type SeekableContent, type Sha256, verified } from '../../src/storage/blob-store.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { createS3Store } from '../../src/storage/s3-store.js';
import { PartRecordsHere } from '../support/part-records.js';
import { S3Server } from '../support/s3-server.js';

/** What every implementation of the store promises. */
interface Implementation {
  readonly partBytes: number;
  /** A content may be at its address once it is staged: there a release may take it away, and it stays when it is discarded. */
  readonly storesAtOnce: boolean;
  /** A new store, and what lies in it at all, staged things included. */
  create(): Promise<NewStore>;
}

interface NewStore {
  readonly store: BlobStore;
  entries(): Promise<number>;
  remove(): Promise<void>;
}

const mebibyte = 1024 * 1024;

let server: S3Server;
beforeAll(async () => {
  server = await S3Server.start();
});
afterAll(() => server?.stop());

const implementations: Readonly<Record<string, Implementation>> = {
  folder: {
    partBytes: mebibyte,
    storesAtOnce: false,
    async create() {
      const root = mkdtempSync(join(tmpdir(), 'cubeshift-store-'));
      const files = () => readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
      return {
        store: createFolderStore(root, mebibyte),
        entries: async () => files().length,
        remove: async () => rmSync(root, { recursive: true }),
      };
    },
  },
  S3: {
    partBytes: 5 * mebibyte,
    storesAtOnce: true,
    async create() {
      const settings = server.settings();
      const marker = 1;
      return {
        store: createS3Store(settings, { partBytes: 5 * mebibyte }),
        entries: async () => Math.max(0, (await server.keys(settings.prefix)).length - marker),
        remove: async () => undefined,
      };
    },
  },
};

const sumOf = (content: string | Buffer): Sha256 => createHash('sha256').update(content).digest('hex');

async function* chunks(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

/** Of more bytes than any store keeps in memory. */
async function* large(text: string): AsyncGenerator<Buffer> {
  for (let piece = 0; piece < 13; piece++) yield Buffer.alloc(mebibyte, `${piece} ${text} `);
}

describe.each(Object.entries(implementations))('the %s store', (_, { create, partBytes, storesAtOnce }) => {
  let here: NewStore;
  let store: BlobStore;

  beforeEach(async () => {
    here = await create();
    store = here.store;
  });
  afterEach(() => here.remove());

  const read = async (sha256: Sha256) => {
    const found: Buffer[] = [];
    for await (const chunk of verified(store, sha256)) found.push(chunk);
    return Buffer.concat(found);
  };
  const put = async (text: string) => (await store.stage(chunks(text), 'test')).keep();

  test('gives the bytes of a range, as many as there are', async () => {
    const content = Array.from({ length: 100_000 }, (_, at) => at.toString(36)).join('-');
    await put(content);
    const rangeOf = async (start: number, end: number) => {
      const found: Buffer[] = [];
      for await (const chunk of await store.open(sumOf(content), { start, end })) found.push(chunk);
      return Buffer.concat(found).toString();
    };
    expect(await rangeOf(0, 0)).toBe(content.slice(0, 1));
    expect(await rangeOf(7, 300_000)).toBe(content.slice(7, 300_001));
    expect(await rangeOf(content.length - 2, content.length + 9)).toBe(content.slice(-2));
    expect(await rangeOf(content.length, content.length)).toBe('');
  });

  describe('many at a time', () => {
    const texts = Array.from({ length: 40 }, (_, index) => `content ${index % 30}`);

    test('a batch is staged and kept, equal contents too', async () => {
      const blobs = await store.stageMany('batch', (stage) => Promise.all(texts.map((text) => stage(chunks(text)))));
      expect(blobs.map(({ sha256 }) => sha256)).toEqual(texts.map(sumOf));
      expect(await store.has(sumOf('content 0'))).toBe(storesAtOnce);
      await store.keepMany(blobs);
      for (const text of texts) expect((await read(sumOf(text))).toString()).toBe(text);
      expect(await here.entries()).toBe(30);
      await store.keepMany(blobs);
      expect(await store.owners()).toEqual([]);
    });

    test('nothing stays staged of a batch that fails, nor of what is discarded in it', async () => {
      await expect(
        store.stageMany('batch', (stage) =>
          Promise.all(
            texts.map((text, index) => (index === 7 ? Promise.reject(new Error('cut off')) : stage(chunks(text)))),
          ),
        ),
      ).rejects.toThrow('cut off');
      await store.stageMany('batch', async (stage) => (await stage(chunks('one'))).discard());
      expect(await store.owners()).toEqual([]);
      if (!storesAtOnce) expect(await here.entries()).toBe(0);
    });

    test('a batch is withdrawn, put back, and deleted', async () => {
      for (const text of texts.slice(0, 30)) await put(text);
      const all = [...texts.slice(0, 30).map(sumOf), sumOf('another')];
      const withdrawn = await store.withdrawMany(all, 'undo');
      expect(withdrawn.contents).toEqual(all.slice(0, 30));
      for (const sha256 of all) expect(await store.has(sha256)).toBe(false);
      await put('content 0');
      await withdrawn.putBack();
      expect((await read(sumOf('content 29'))).toString()).toBe('content 29');
      expect(await here.entries()).toBe(30);
      await (await store.withdrawMany(all, 'undo')).delete();
      expect(await here.entries()).toBe(0);
    });

    test('the owners of what is left are known, and each is removed apart', async () => {
      await store.stageMany('a/1', (stage) => stage(large('one')));
      await store.stage(large('two'), 'a/1~late');
      expect([...(await store.owners())].sort()).toEqual(['a/1', 'a/1~late']);
      await store.discardOf('a/1');
      expect(await store.owners()).toEqual(['a/1~late']);
    });
  });

  test('two writers of one content, and one that takes it away, leave it whole or leave nothing', async () => {
    for (let round = 0; round < 20; round++) {
      await put('a model');
      const store = async () => {
        const blobs = await here.store.stageMany('a', (stage) =>
          Promise.all([stage(chunks('a model')), stage(chunks('x'))]),
        );
        await here.store.keepMany(blobs);
      };
      const take = async () => {
        const withdrawn = await here.store.withdrawMany([sumOf('a model')], 'c');
        await (round % 2 === 0 ? withdrawn.putBack() : withdrawn.delete());
      };
      const mayBeTaken = (error: unknown) => {
        if (!storesAtOnce || !(error instanceof Failure) || error.type !== 'claim_lost') throw error;
      };
      await Promise.all([store().catch(mayBeTaken), put('a model').catch(mayBeTaken), take()]);
      if (round % 2 === 0) expect((await read(sumOf('a model'))).toString()).toBe('a model');
      else expect(await here.store.check(sumOf('a model'))).not.toBe('damaged');
    }
    expect(await here.store.owners()).toEqual([]);
  });

  test('a range of a content, and one that goes beyond its end', async () => {
    const text = 'a model '.repeat(100_000);
    await put(text);
    for (const [start, end] of [
      [0, 0],
      [5, 300_000],
      [799_990, 900_000],
      [800_000, 900_000],
    ] as const) {
      const found: Buffer[] = [];
      for await (const part of await store.open(sumOf(text), { start, end })) found.push(part);
      expect(Buffer.concat(found).toString()).toBe(text.slice(start, end + 1));
    }
  });

  test('what another attempt has discarded is not kept, unless its content is there', async () => {
    const blobs = await store.stageMany('a', (stage) => Promise.all([stage(chunks('one')), stage(chunks('two'))]));
    if (storesAtOnce) await (await store.withdrawMany(['one', 'two'].map(sumOf), 'b')).delete();
    else await store.discardOf('a');
    await put('one');
    await expect(store.keepMany(blobs)).rejects.toMatchObject({ type: 'claim_lost' });
    await store.keepMany(blobs.slice(0, 1));
    expect(await store.has(sumOf('two'))).toBe(false);
  });

  test('a staged content is written to a file, and a large one that nobody keeps is removed with its owner', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'cubeshift-copy-')), 'copy');
    try {
      for (const content of [chunks('a model'), large('a model')]) {
        const blob = await store.stage(content, 'a');
        await blob.copyTo(file);
        expect(sumOf(readFileSync(file))).toBe(blob.sha256);
        rmSync(file);
      }
      await store.discardOf('a');
      expect(await store.owners()).toEqual([]);
    } finally {
      rmSync(dirname(file), { recursive: true });
    }
  });

  test('a large content of which nothing is known before it ends', async () => {
    const blob = await store.stage(large('a model'), 'a');
    expect(await store.has(blob.sha256)).toBe(false);
    await blob.keep();
    expect(sumOf(await read(blob.sha256))).toBe(blob.sha256);
    expect([await here.entries(), await store.owners()]).toEqual([1, []]);
    const withdrawn = await store.withdraw(blob.sha256, 'b');
    expect([await store.has(blob.sha256), await store.owners()]).toEqual([false, ['b']]);
    await withdrawn?.putBack();
    expect(sumOf(await read(blob.sha256))).toBe(blob.sha256);
  });

  describe('in parts', () => {
    const content = Buffer.alloc(2.5 * partBytes, 'paperwork ');
    const sum = sumOf(content);
    let positions: number[];
    const source = (stat: string, bytes = content, end = bytes.length): SeekableContent => ({
      size: bytes.length,
      stat,
      async *from(position) {
        positions.push(position);
        const chunk = partBytes / 8;
        for (let at = position; at < bytes.length; at += chunk) {
          if (at >= end) throw new Error('cut off');
          yield bytes.subarray(at, at + chunk);
        }
      },
    });
    let records: PartRecordsHere;
    const parts = () => ({ owner: 'lane', name: '5', records });

    beforeEach(() => {
      positions = [];
      records = new PartRecordsHere();
    });

    test('an attempt after a crash goes on behind the last part on record', async () => {
      await expect(store.stageInParts(source('same', content, 2.2 * partBytes), parts())).rejects.toThrow('cut off');
      await store.discardOf('lane');
      const blob = await store.stageInParts(source('same'), parts());
      expect(positions).toEqual([0, 2 * partBytes]);
      expect(blob).toMatchObject({ sha256: sum, size: content.length });
      await blob.keep();
      expect(sumOf(await read(sum))).toBe(sum);
      expect([records.parts, await here.entries(), await store.owners()]).toEqual([[], 1, []]);
    });

    test('parts of a source that is another by now are dropped', async () => {
      await expect(store.stageInParts(source('before', content, 2.2 * partBytes), parts())).rejects.toThrow('cut off');
      const other = Buffer.alloc(content.length, 'other ');
      const blob = await store.stageInParts(source('after', other), parts());
      expect(positions).toEqual([0, 0]);
      await blob.discard();
      expect([blob.sha256, records.parts, await here.entries()]).toEqual([sumOf(other), [], 0]);
    });

    test('parts that are not as their record says are received again', async () => {
      await expect(store.stageInParts(source('same', content, 2.2 * partBytes), parts())).rejects.toThrow('cut off');
      records.parts = records.parts.map((part) => ({ ...part, sha256: sumOf('another') }));
      await (await store.stageInParts(source('same'), parts())).keep();
      expect(positions).toEqual([0, 0]);
      expect(sumOf(await read(sum))).toBe(sum);
    });

    test('an attempt that was replaced gets nothing into the content of the next one', async () => {
      let goOn: () => void = () => undefined;
      const frozen = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const replaced: SeekableContent = {
        ...source('same'),
        async *from() {
          yield content.subarray(0, 1.2 * partBytes);
          await frozen;
          yield Buffer.alloc(partBytes, 'late ');
        },
      };
      const first = store.stageInParts(replaced, parts());
      await expect.poll(() => records.parts.length).toBe(1);
      const second = await store.stageInParts(source('same'), parts());
      goOn();
      const late = await first;
      await second.keep();
      await late.discard();
      expect(sumOf(await read(sum))).toBe(sum);
      await expect(late.keep()).rejects.toMatchObject({ type: 'claim_lost' });
    });

    test('an empty content, and one of the size of a part', async () => {
      for (const bytes of [Buffer.alloc(0), Buffer.alloc(partBytes, 1)]) {
        await (await store.stageInParts(source('same', bytes), parts())).keep();
        expect((await read(sumOf(bytes))).equals(bytes)).toBe(true);
      }
      expect([records.parts, await store.owners()]).toEqual([[], []]);
    });

    test('a part that cannot be put on record fails, and is received again', async () => {
      records.failAt = 1;
      await expect(store.stageInParts(source('same'), parts())).rejects.toThrow('not reachable');
      records.failAt = undefined;
      await (await store.stageInParts(source('same'), parts())).keep();
      expect(positions).toEqual([0, partBytes]);
      expect(sumOf(await read(sum))).toBe(sum);
    });

    test('parts are left until their owner’s are discarded', async () => {
      await expect(store.stageInParts(source('same', content, 1.5 * partBytes), parts())).rejects.toThrow('cut off');
      expect(await store.owners()).toEqual(['lane']);
      await store.discardPartsOf('lane');
      expect(await here.entries()).toBe(0);
      await (await store.stageInParts(source('same'), parts())).keep();
      expect(positions).toEqual([0, 0]);
    });
  });
});
