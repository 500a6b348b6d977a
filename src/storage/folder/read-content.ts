import type { ByteRange } from '../../domain/byte-range.js';
import { BlobDamaged, BlobMissing, type Sha256 } from '../blob-store.js';
import { readAhead } from '../read-ahead.js';
import { storageFailure } from '../storage-failure.js';
import { inFileThread, smallBytes } from '../threads/file-threads.js';
import { assertInUse } from './in-use.js';
import type { Layout } from './layout.js';
import { codeOf, openRegular, type RegularFile } from './open-regular.js';

/** A content, or a range of it as far as it goes. */
export async function readContent(layout: Layout, sha256: Sha256, range?: ByteRange): Promise<AsyncIterable<Buffer>> {
  const address = layout.addressOf(sha256);
  const opened = await openRegular(address).catch(async (error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    await assertInUse(layout);
    throw new BlobMissing(sha256);
  });
  if (opened === undefined) throw new BlobDamaged(sha256);
  return chunksOf(layout.root, opened, range);
}

async function* chunksOf(
  root: string,
  { handle, size }: RegularFile,
  { start, end }: ByteRange = { start: 0, end: size - 1 },
): AsyncGenerator<Buffer> {
  try {
    yield* readAhead(handle, { start, end }, (error) => storageFailure(error, root));
  } finally {
    await handle.close();
  }
}

/** The sum of every byte that lies at an address; undefined for what is no small regular file. */
export function sumOfSmall(layout: Layout, sha256: Sha256): Promise<Sha256 | undefined> {
  return inFileThread('sumOfSmall', layout.addressOf(sha256), smallBytes);
}
