import { createHash } from 'node:crypto';
import { open as openFile } from 'node:fs/promises';
import { Failure } from '../../base/failures.js';
import { inParallel } from '../../base/in-parallel.js';
import {
  BlobDamaged,
  type Content,
  type PartsOf,
  type SeekableContent,
  type Sha256,
  type StagedBlob,
} from '../blob-store.js';
import { onTemporaryDisk } from '../temporary-disk.js';
import type { Bucket } from './bucket.js';
import { temporaryObjects } from './entries.js';
import { type Layout, partsPrefix } from './layout.js';
import { PartBuffers, wholeBytes } from './part-buffers.js';
import { type ReceivedParts, type Receiving, receiveOnRecord, receiveParts } from './received-parts.js';

const deletedAtOnce = 16;

/** Receives contents: what has up to 8 MiB at its address at once, and what is larger as objects that are joined there. */
export class Staging {
  private readonly buffers = new PartBuffers();

  constructor(
    private readonly receiving: Receiving,
    private readonly layout: Layout,
    /** Whether what lies at an address is its content, by every byte of it. */
    private readonly isWhole: (sha256: Sha256) => Promise<boolean>,
  ) {}

  /** Of a content nothing is known before it ends. */
  async receive(content: Content, owner: string): Promise<StagedBlob> {
    const chunks = content[Symbol.asyncIterator]();
    const first: Buffer[] = [];
    const whole = await this.buffers.withWhole(async () => {
      let size = 0;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
        first.push(next.value);
        size += next.value.length;
        if (size > wholeBytes) return undefined;
      }
      return this.putWhole(Buffer.concat(first));
    });
    if (whole !== undefined) return whole;
    const folder = this.layout.temporary(owner);
    const all = following(first, chunks);
    return this.buffers.withParts(async () => {
      try {
        return this.inParts(await receiveParts(this.receiving, folder, all), async () => undefined);
      } catch (error) {
        await this.removeUnder(folder.slice(this.layout.staging.length)).catch(() => undefined);
        throw error;
      }
    });
  }

  async receiveInParts(content: SeekableContent, { owner, name, records }: PartsOf): Promise<StagedBlob> {
    if (content.size <= wholeBytes) return this.receive(toContent(content), owner);
    return this.buffers.withParts(async () => {
      const { bucket } = this.receiving;
      const formers = new Map<string, readonly string[]>();
      for await (const { folder, keys } of temporaryObjects(bucket, this.layout, partsPrefix(owner, name)))
        formers.set(folder, keys);
      const folder = this.layout.parts(owner, name);
      const received = await receiveOnRecord(this.receiving, folder, content, records, formers);
      return this.inParts(received, records.forget);
    });
  }

  private async putWhole(content: Buffer): Promise<StagedBlob> {
    const { bucket } = this.receiving;
    const sha256 = createHash('sha256').update(content).digest('hex');
    const address = this.layout.addressOf(sha256);
    // Only what lies there already says whether it is the content.
    if (!(await bucket.putNew(address, content, sha256)) && !(await this.isWhole(sha256)))
      await bucket.put(address, content, sha256);
    return {
      sha256,
      size: content.length,
      copyTo: (file) => this.copyOut(sha256, [address], file),
      keep: () => this.assertAtAddress(sha256),
      discard: async () => undefined,
    };
  }

  /** `forget` is due once it is kept or discarded. */
  private inParts({ sha256, size, keys }: ReceivedParts, forget: () => Promise<void>): StagedBlob {
    const { bucket, copies } = this.receiving;
    const remove = async () => {
      await removeAll(bucket, keys);
      await forget();
    };
    return {
      sha256,
      size,
      copyTo: (file) => this.copyOut(sha256, keys, file),
      keep: async () => {
        if (!(await copies.join(keys, this.layout.addressOf(sha256)))) await this.assertAtAddress(sha256);
        await remove();
      },
      discard: remove,
    };
  }

  private async assertAtAddress(sha256: Sha256): Promise<void> {
    if ((await this.receiving.bucket.look(this.layout.addressOf(sha256))) === undefined)
      throw new Failure('claim_lost', 'What this step staged was removed from the store meanwhile.');
  }

  private async copyOut(sha256: Sha256, keys: readonly string[], file: string): Promise<void> {
    const hash = createHash('sha256');
    const handle = await onTemporaryDisk(() => openFile(file, 'wx', 0o600));
    try {
      for (const key of keys) {
        for await (const chunk of (await this.receiving.read(key)) ?? []) {
          hash.update(chunk);
          await onTemporaryDisk(() => handle.writeFile(chunk));
        }
      }
    } finally {
      await handle.close();
    }
    if (hash.digest('hex') !== sha256) throw new BlobDamaged(sha256);
  }

  private async removeUnder(prefix: string): Promise<void> {
    const { bucket } = this.receiving;
    for await (const { keys } of temporaryObjects(bucket, this.layout, prefix)) await removeAll(bucket, keys);
  }
}

export async function removeAll(bucket: Bucket, keys: readonly string[]): Promise<void> {
  await inParallel(keys, deletedAtOnce, (key) => bucket.delete(key));
}

async function* following(first: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* first;
  yield* { [Symbol.asyncIterator]: () => rest };
}

function toContent(content: SeekableContent): Content {
  return { [Symbol.asyncIterator]: () => content.from(0)[Symbol.asyncIterator]() };
}
