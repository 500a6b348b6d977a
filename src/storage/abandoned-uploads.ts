import { opendir, stat, unlink } from 'node:fs/promises';
import type { LegacyFolder } from './inside-folder.js';
import { atFolder, entryOf, ignoreMissing, openFolder } from './open-inside.js';
import { isReceiving, receivingFolder } from './write-inside.js';

/** No upload is silent for so long: its connection is closed before. */
const abandonedMillis = 24 * 60 * 60 * 1000;

/**
 * Removes the temporary files of uploads to which nothing was written for a day: those of programs that died. What has got its own name
 * stays. Returns how many there were. Throws `legacy_files_unreachable`.
 */
export async function removeAbandonedUploads(folder: LegacyFolder): Promise<number> {
  return atFolder(folder, async () => {
    const receiving = await openFolder(folder, receivingFolder);
    if (receiving === undefined) return 0;
    let removed = 0;
    try {
      for await (const { name } of await opendir(entryOf(receiving, '.'))) {
        if (!isReceiving(name)) continue;
        const found = await stat(entryOf(receiving, name)).catch(ignoreMissing);
        if (found === undefined || Date.now() - found.mtimeMs < abandonedMillis) continue;
        await unlink(entryOf(receiving, name)).catch(ignoreMissing);
        removed += 1;
      }
    } finally {
      await receiving.close();
    }
    return removed;
  });
}
