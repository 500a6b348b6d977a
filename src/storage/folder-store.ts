import { randomUUID } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobInfo, type BlobStore, checkByReading, type Stage, type StagedBlob } from './blob-store.js';
import { atStore } from './folder/at-store.js';
import { synchronize, synchronizeAll } from './folder/durable.js';
import { listed, namesIn, temporaryIn } from './folder/entries.js';
import { assertInUse, makeStaging } from './folder/in-use.js';
import { moveToAddresses } from './folder/keep.js';
import { layoutOf, ownerOf, partsPrefix, prefixOf } from './folder/layout.js';
import { codeOf } from './folder/open-regular.js';
import { writeInParts } from './folder/parts-file.js';
import { readContent, sumOfSmall } from './folder/read-content.js';
import { type StagedFile, stagedFile, stagedFiles } from './folder/staged-file.js';
import { putBackFrom, withdrawMany } from './folder/withdraw.js';
import { writeContent } from './folder/write-content.js';

/**
 * The store as a folder: a content lies in `ab/<sha256>`, one regular file that holds it and nothing else. It is written under a
 * temporary name, synchronised to the disk, then renamed, and the folders are synchronised too. `partBytes` is what a program that dies
 * has to receive again, at most, of a content in parts.
 */
export function createFolderStore(root: string, partBytes = 64 * 1024 * 1024): BlobStore {
  const layout = layoutOf(root);
  const { staging } = layout;
  async function keepAll(files: readonly StagedFile[]): Promise<void> {
    await moveToAddresses(layout, files);
    for (const file of files) await file.forget();
  }

  function staged(file: string, written: BlobInfo, forget?: () => Promise<void>): StagedFile {
    return stagedFile(root, file, written, keepAll, forget);
  }

  /** The temporary files whose names begin like this. */
  async function filesOf(prefix: string): Promise<readonly string[]> {
    const names = await namesIn(staging);
    return names.filter((name) => name.startsWith(prefix)).map((name) => join(staging, name));
  }

  async function removeAll(files: readonly string[]): Promise<void> {
    for (const file of files) await rm(file, { force: true, recursive: true });
  }

  const store: BlobStore = {
    stage: (content, owner) =>
      atStore(root, async () => {
        await makeStaging(layout);
        const file = layout.temporary(owner);
        try {
          const written = await writeContent(file, content);
          await synchronize(file);
          return staged(file, written);
        } catch (error) {
          await rm(file, { force: true }).catch(() => undefined);
          throw error;
        }
      }),

    stageMany: (owner, receive) =>
      atStore(root, async () => {
        await makeStaging(layout);
        const files = new Set<string>();
        const received: Promise<StagedBlob>[] = [];
        const stage: Stage = (content) => {
          const file = layout.temporary(owner);
          files.add(file);
          const blob = atStore(root, async () =>
            staged(file, await writeContent(file, content), async () => void files.delete(file)),
          );
          received.push(blob);
          return blob;
        };
        try {
          const result = await receive(stage);
          await synchronizeAll(root, [...files]);
          return result;
        } catch (error) {
          await Promise.allSettled(received);
          await Promise.allSettled([...files].map((file) => rm(file, { force: true })));
          throw error;
        }
      }),

    stageInParts: (content, { owner, name, records }) =>
      atStore(root, async () => {
        await makeStaging(layout);
        const prefix = partsPrefix(owner, name);
        const formerFiles = await filesOf(prefix);
        const file = join(staging, `${prefix}${randomUUID()}`);
        const received = await writeInParts(file, content, records, { formerFiles, partBytes });
        return staged(file, received, records.forget);
      }),

    keepMany: (blobs) => atStore(root, () => keepAll(stagedFiles(blobs))),

    open: (sha256, range) => atStore(root, () => readContent(layout, sha256, range)),

    check: async (sha256, onChunk) => {
      onChunk?.();
      const sum = await atStore(root, () => sumOfSmall(layout, sha256));
      if (sum === undefined) return checkByReading(store, sha256, onChunk);
      return sum === sha256 ? null : 'damaged';
    },

    has: (sha256) =>
      atStore(root, async () => {
        try {
          return (await lstat(layout.addressOf(sha256))).isFile();
        } catch (error) {
          if (codeOf(error) !== 'ENOENT') throw error;
          await assertInUse(layout);
          return false;
        }
      }),

    withdraw: (sha256, owner) =>
      atStore(root, async () => {
        const withdrawn = await withdrawMany(layout, [sha256], owner);
        return withdrawn.contents.length === 0 ? undefined : withdrawn;
      }),

    withdrawMany: (contents, owner) => atStore(root, () => withdrawMany(layout, contents, owner)),

    discardOf: (owner) =>
      atStore(root, async () => {
        const parts = new Set(await filesOf(partsPrefix(owner)));
        await removeAll((await filesOf(prefixOf(owner))).filter((file) => !parts.has(file)));
      }),

    discardPartsOf: (owner) => atStore(root, async () => removeAll(await filesOf(partsPrefix(owner)))),

    owners: () => atStore(root, async () => [...new Set((await namesIn(staging)).map(ownerOf))]),

    putBackOf: (owner) =>
      atStore(root, async () => {
        for (const file of await filesOf(prefixOf(owner))) await putBackFrom(layout, file);
      }),

    temporary: () => temporaryIn(layout),
    list: (after) => listed(layout, after ?? ''),
  };
  return store;
}
