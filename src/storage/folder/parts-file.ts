import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { BlobInfo, Part, PartRecords, SeekableContent } from '../blob-store.js';
import { synchronize, writeHashed } from './durable.js';
import { openRegular } from './open-regular.js';

const chunkBytes = 1024 * 1024;

interface Received {
  readonly hash: Hash;
  readonly size: number;
  readonly parts: number;
}

/**
 * Receives a content in a new file, each part on record once it is durable; the file stays when this fails. What an earlier attempt left in
 * one of `formerFiles` is copied and these are removed: nothing that this attempt may still write gets into the new file.
 */
export async function writeInParts(
  file: string,
  content: SeekableContent,
  records: PartRecords,
  { formerFiles, partBytes }: { readonly formerFiles: readonly string[]; readonly partBytes: number },
): Promise<BlobInfo> {
  const handle = await open(file, 'wx', 0o640);
  try {
    await synchronize(dirname(file));
    const copied = await copyParts(formerFiles, handle, content, records).catch(async (error: unknown) => {
      await rm(file, { force: true });
      throw error;
    });
    for (const former of formerFiles) await rm(former, { force: true });
    return await append(handle, copied, content, records, partBytes);
  } finally {
    await handle.close();
  }
}

/** Copies the parts on record; none where one of them is another source's, or no file has what the records say. */
async function copyParts(
  formerFiles: readonly string[],
  handle: FileHandle,
  { stat }: SeekableContent,
  records: PartRecords,
): Promise<Received> {
  const parts = await records.list();
  if (parts.length > 0 && parts.every(({ source }) => source === stat)) {
    for (const former of formerFiles) {
      const copied = await copyFrom(former, handle, parts);
      if (copied === undefined) continue;
      await handle.datasync();
      return copied;
    }
  }
  await records.forget();
  await handle.truncate(0);
  return { hash: createHash('sha256'), size: 0, parts: 0 };
}

async function copyFrom(former: string, to: FileHandle, parts: readonly Part[]): Promise<Received | undefined> {
  const opened = await openRegular(former);
  if (opened === undefined) return undefined;
  const from = opened.handle;
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(chunkBytes);
    let position = 0;
    for (const part of parts) {
      for (const end = position + part.size; position < end; ) {
        const { bytesRead } = await from.read(buffer, 0, Math.min(chunkBytes, end - position), position);
        if (bytesRead === 0) return undefined;
        const chunk = buffer.subarray(0, bytesRead);
        await writeHashed(to, chunk, position, hash);
        position += bytesRead;
      }
      if (hash.copy().digest('hex') !== part.sha256) return undefined;
    }
    return { hash, size: position, parts: parts.length };
  } finally {
    await from.close();
  }
}

/** The next part is written while the one before becomes durable. */
async function append(
  handle: FileHandle,
  { hash, size, parts }: Received,
  content: SeekableContent,
  records: PartRecords,
  partBytes: number,
): Promise<BlobInfo> {
  let [position, partStart, index] = [size, size, parts];
  let recorded: Promise<void> = Promise.resolve();
  const endPart = async () => {
    const [at, part] = [index, { sha256: hash.copy().digest('hex'), size: position - partStart }];
    [partStart, index] = [position, index + 1];
    await recorded;
    recorded = handle.datasync().then(() => records.add(at, part, content.stat));
    // It is thrown where it is awaited, after more was received.
    recorded.catch(() => undefined);
  };
  try {
    for await (const chunk of content.from(position)) {
      await writeHashed(handle, chunk, position, hash);
      position += chunk.length;
      if (position - partStart >= partBytes) await endPart();
    }
    if (position > partStart) await endPart();
  } finally {
    await recorded;
  }
  return { sha256: hash.digest('hex'), size: position };
}
