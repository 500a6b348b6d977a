import type { Stats } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isSha256, type StoredBlob, type TemporaryBlob } from '../blob-store.js';
import { atStore } from './at-store.js';
import { isFan, type Layout, prefixOf, withdrawnOf } from './layout.js';
import { codeOf } from './open-regular.js';

/** What lies at addresses, in their order: that of folders, and of names in each. */
export async function* listed({ root }: Layout, after: string): AsyncGenerator<StoredBlob> {
  for (const fan of (await atStore(root, () => namesIn(root))).toSorted()) {
    if (!isFan(fan) || fan < after.slice(0, 2)) continue;
    for (const name of (await atStore(root, () => namesIn(join(root, fan)))).toSorted()) {
      if (!isSha256(name) || name <= after) continue;
      const found = await atStore(root, () => lookAt(join(root, fan, name)));
      if (found?.isFile()) yield { sha256: name, size: found.size, storedAt: found.mtime };
    }
  }
}

export async function* temporaryIn({ root, staging }: Layout): AsyncGenerator<TemporaryBlob> {
  for (const name of await atStore(root, () => namesIn(staging))) {
    const file = join(staging, name);
    const found = await atStore(root, () => lookAt(file));
    if (found === undefined) continue;
    yield {
      isOf: (owner) => name.startsWith(prefixOf(owner)),
      // A content that was withdrawn keeps the time at which it was written; its name changed when it was withdrawn.
      changedAt: withdrawnOf(name) === undefined ? found.mtime : found.ctime,
      discard: () => atStore(root, () => rm(file, { force: true, recursive: true })),
    };
  }
}

/** Undefined for what has gone meanwhile. */
export async function lookAt(file: string): Promise<Stats | undefined> {
  return lstat(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

/** None where there is no folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
}
