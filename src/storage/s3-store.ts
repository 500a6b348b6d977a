import { inParallel } from '../base/in-parallel.js';
import type { ByteRange } from '../domain/byte-range.js';
import { BlobMissing, type BlobStore, checkByReading, type Sha256, type StagedBlob } from './blob-store.js';
import { Bucket } from './s3/bucket.js';
import { Copies } from './s3/copies.js';
import { listed, temporaryIn, temporaryObjects } from './s3/entries.js';
import { layoutOf, ownerOf, partsPrefix, prefixOf } from './s3/layout.js';
import { StoreMarker } from './s3/marker.js';
import { readObject } from './s3/read-object.js';
import { type RequestOptions, S3Requests } from './s3/requests.js';
import type { S3Settings } from './s3/settings.js';
import { removeAll, Staging } from './s3/staging.js';
import { putBackFrom, withdrawMany } from './s3/withdraw.js';

export interface S3StoreOptions extends Partial<RequestOptions> {
  /** Of the first parts of a large content. */
  readonly partBytes?: number;
}

const defaults = { clock: () => new Date(), silenceMillis: 30_000, attempts: 5, pauseMillis: 250 };
const defaultPartBytes = 16 * 1024 * 1024;
const atOnce = 16;

/**
 * The store as objects of an S3 server: a content lies in `ab/<sha256>` under the prefix. One of up to 8 MiB is at its address once it is
 * staged, and stays there when it is discarded: only a release or a sweep, which know what refers to it, may take it away. A larger one
 * is received in objects of its own, which the server joins at the address.
 */
export function createS3Store(
  settings: S3Settings,
  { partBytes = defaultPartBytes, ...options }: S3StoreOptions = {},
): BlobStore {
  const requests = new S3Requests(settings, { ...defaults, ...options });
  const bucket = new Bucket(requests);
  const copies = new Copies(requests, bucket);
  const layout = layoutOf(settings.prefix);
  const marker = new StoreMarker(bucket, layout, settings);
  const withdrawing = { bucket, copies, layout };

  async function read(key: string, range?: ByteRange): Promise<AsyncIterable<Buffer> | undefined> {
    const opened = await bucket.open(key, range);
    return opened === undefined ? undefined : readObject(bucket, settings, key, opened, range);
  }

  async function open(sha256: Sha256, range?: ByteRange): Promise<AsyncIterable<Buffer>> {
    const content = await read(layout.addressOf(sha256), range);
    if (content !== undefined) return content;
    await marker.assertThere();
    throw new BlobMissing(sha256);
  }

  const staging = new Staging(
    { bucket, copies, partBytes, read },
    layout,
    async (sha256) => (await checkByReading(store, sha256)) === null,
  );

  async function removeUnder(prefix: string, except?: string): Promise<void> {
    for await (const { folder, keys } of temporaryObjects(bucket, layout, prefix))
      if (except === undefined || !folder.startsWith(`${layout.staging}${except}`)) await removeAll(bucket, keys);
  }

  const store: BlobStore = {
    stage: async (content, owner) => {
      await marker.begin();
      return staging.receive(content, owner);
    },

    stageMany: async (owner, receiveAll) => {
      await marker.begin();
      const received: Promise<StagedBlob>[] = [];
      try {
        return await receiveAll((content) => {
          const blob = staging.receive(content, owner);
          received.push(blob);
          return blob;
        });
      } catch (error) {
        for (const one of await Promise.allSettled(received))
          if (one.status === 'fulfilled') await one.value.discard().catch(() => undefined);
        throw error;
      }
    },

    stageInParts: async (content, parts) => {
      await marker.begin();
      return staging.receiveInParts(content, parts);
    },

    keepMany: async (blobs) => {
      await inParallel(blobs, atOnce, (blob) => blob.keep());
    },

    open,

    check: (sha256, onChunk) => checkByReading(store, sha256, onChunk),

    has: async (sha256) => {
      if ((await bucket.look(layout.addressOf(sha256))) !== undefined) return true;
      await marker.assertThere();
      return false;
    },

    withdraw: async (sha256, owner) => {
      const withdrawn = await store.withdrawMany([sha256], owner);
      return withdrawn.contents.length === 0 ? undefined : withdrawn;
    },

    withdrawMany: async (contents, owner) => {
      if (contents.length > 0) await marker.begin();
      return withdrawMany(withdrawing, contents, owner);
    },

    discardOf: (owner) => removeUnder(prefixOf(owner), partsPrefix(owner)),

    discardPartsOf: (owner) => removeUnder(partsPrefix(owner)),

    owners: async () => {
      const owners = new Set<string>();
      for await (const group of bucket.groups(layout.staging, '~')) owners.add(ownerOf(group));
      return [...owners];
    },

    putBackOf: async (owner) => {
      for await (const { keys } of temporaryObjects(bucket, layout, prefixOf(owner)))
        for (const key of keys) await putBackFrom(withdrawing, key);
    },

    temporary: () => temporaryIn(bucket, copies, layout),
    list: (after) => listed(bucket, layout, after ?? ''),
  };
  return store;
}
