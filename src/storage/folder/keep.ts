import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../../base/failures.js';
import { inFileThread } from '../threads/file-threads.js';
import { synchronizeAll } from './durable.js';
import type { Layout } from './layout.js';
import { codeOf } from './open-regular.js';
import type { StagedFile } from './staged-file.js';

/** Moves contents to their addresses, durably: they have their bytes on the disk already. */
export async function moveToAddresses(layout: Layout, blobs: readonly StagedFile[]): Promise<void> {
  const moves = blobs.map(({ file, sha256 }) => [file, layout.addressOf(sha256)] as const);
  for (let done = 0; ; done++) {
    done += await inFileThread('renameInTurn', moves.slice(done));
    const stopped = moves[done];
    if (stopped === undefined) break;
    await moveToAddress(...stopped);
  }
  // Another program may have made a folder and died before it was on the disk.
  await synchronizeAll(layout.root, [...new Set(blobs.map(({ sha256 }) => layout.fanOf(sha256))), layout.root]);
}

/** For what a plain renaming cannot do. */
async function moveToAddress(file: string, address: string): Promise<void> {
  await mkdir(dirname(address), { recursive: true, mode: 0o750 });
  try {
    await rename(file, address);
  } catch (error) {
    if (codeOf(error) === 'EISDIR') {
      // A folder holds no content, and nothing else replaces one.
      await rm(address, { recursive: true, force: true });
      await rename(file, address);
    } else if (codeOf(error) === 'ENOENT') {
      // What was staged before an attempt that was replaced by another one is not there any more, though its content may be at its address.
      const isKept = await lstat(address).then(
        (found) => found.isFile(),
        () => false,
      );
      if (!isKept) throw new Failure('claim_lost', 'What this step staged was removed from the store meanwhile.');
    } else throw error;
  }
}
