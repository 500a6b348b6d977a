import { createHash, type Hash } from 'node:crypto';
import type { BlobInfo, Part, PartRecords, SeekableContent } from '../blob-store.js';
import type { Bucket } from './bucket.js';
import type { Copies } from './copies.js';
import { partKey } from './layout.js';
import { partsFrom } from './part-buffers.js';

/** A content whose parts lie in objects of their own, in the order of their numbers. */
export interface ReceivedParts extends BlobInfo {
  readonly keys: readonly string[];
}

/** What of a content has come. */
interface Progress {
  readonly hash: Hash;
  readonly size: number;
  readonly parts: number;
}

/** What is done in a bucket to receive contents in parts. */
export interface Receiving {
  readonly bucket: Bucket;
  readonly copies: Copies;
  /** Of the first parts: a server takes 10,000 of one content. */
  readonly partBytes: number;
  /** Reads an object to its end; undefined where there is none. */
  read(key: string): Promise<AsyncIterable<Buffer> | undefined>;
}

const partsOfOneSize = 2000;

/** Receives a content as objects under `folder`; they stay when this fails. */
export async function receiveParts(
  receiving: Receiving,
  folder: string,
  chunks: AsyncIterable<Buffer>,
  from: Progress = { hash: createHash('sha256'), size: 0, parts: 0 },
  onPart: (index: number, part: Part) => Promise<void> = async () => undefined,
): Promise<ReceivedParts> {
  const { bucket, partBytes } = receiving;
  const { hash } = from;
  let [size, index] = [from.size, from.parts];
  const sizeOf = (ahead: number) => partBytes * 2 ** Math.floor((from.parts + ahead) / partsOfOneSize);
  let sent: Promise<void> = Promise.resolve();
  try {
    for await (const part of partsFrom(chunks, sizeOf, hash)) {
      const [at, sha256] = [index, hash.copy().digest('hex')];
      [size, index] = [size + part.length, index + 1];
      // One is sent while the next comes.
      await sent;
      sent = bucket.put(partKey(folder, at), part).then(() => onPart(at, { sha256, size: part.length }));
      // It is thrown where it is awaited, after more has come.
      sent.catch(() => undefined);
    }
  } finally {
    await sent;
  }
  return { sha256: hash.digest('hex'), size, keys: Array.from({ length: index }, (_, at) => partKey(folder, at)) };
}

/**
 * The same, each part on record once it is there. What an earlier attempt left under one of `formers` is copied and these are
 * removed: nothing that this attempt may still write gets into the new one.
 */
export async function receiveOnRecord(
  receiving: Receiving,
  folder: string,
  content: SeekableContent,
  records: PartRecords,
  formers: ReadonlyMap<string, readonly string[]>,
): Promise<ReceivedParts> {
  const copied = await copyParts(receiving, [...formers.keys()], folder, content, records);
  for (const key of [...formers.values()].flat()) await receiving.bucket.delete(key);
  return receiveParts(receiving, folder, content.from(copied.size), copied, (index, part) =>
    records.add(index, part, content.stat),
  );
}

/** Copies the parts on record; none where one of them is another source's, or no folder has what the records say. */
async function copyParts(
  receiving: Receiving,
  formers: readonly string[],
  folder: string,
  { stat }: SeekableContent,
  records: PartRecords,
): Promise<Progress> {
  const parts = await records.list();
  if (parts.length > 0 && parts.every(({ source }) => source === stat))
    for (const former of formers) {
      const copied = await copyFrom(receiving, former, folder, parts);
      if (copied !== undefined) return copied;
    }
  await records.forget();
  return { hash: createHash('sha256'), size: 0, parts: 0 };
}

/** The copies are read back: the sum of all of it goes on from theirs. */
async function copyFrom(
  { copies, read }: Receiving,
  former: string,
  folder: string,
  parts: readonly Part[],
): Promise<Progress | undefined> {
  const hash = createHash('sha256');
  let size = 0;
  for (const [index, part] of parts.entries()) {
    if (!(await copies.copy(partKey(former, index), partKey(folder, index)))) return undefined;
    const content = await read(partKey(folder, index));
    if (content === undefined) return undefined;
    let found = 0;
    for await (const chunk of content) {
      hash.update(chunk);
      found += chunk.length;
    }
    size += part.size;
    if (found !== part.size || hash.copy().digest('hex') !== part.sha256) return undefined;
  }
  return { hash, size, parts: parts.length };
}
