import { randomUUID } from 'node:crypto';
import { link, open, rmdir, unlink } from 'node:fs/promises';
import { posix } from 'node:path';
import type { LegacyFolder } from './inside-folder.js';
import { atFolder, entryOf, ignoreMissing, makeFolder, openFolder } from './open-inside.js';

/** A file that was received into legacy's folder, durable under a temporary name, until it is kept or discarded. */
export interface StagedUpload {
  readonly size: number;
  /** The path that it gets below the folder. */
  readonly path: string;
  /** Gives it its name, durably; a row may name it from then on. Where that fails nothing stays of it. */
  keep(): Promise<void>;
  /** Removes it and its folder, also after it was kept. */
  discard(): Promise<void>;
}

/** Where files lie while they are received, under names of their own: uploads of every program that uses legacy's folder. */
export const receivingFolder = posix.join('uploads', '.receiving');

/** The temporary name of an upload. */
export function isReceiving(name: string): boolean {
  return /^[0-9a-f-]{36}\.part$/.test(name);
}

/**
 * Receives a file for `uploads/<uuid>/<name>` of legacy's folder: under a temporary name first, synchronised to the disk, then linked to
 * its own, which must not exist. A program that dies leaves a temporary file, which is removed a day later, or one that no row names. Throws
 * `disk_full` and `legacy_files_unreachable`; nothing stays of what was not received whole.
 */
export async function stageUpload(
  folder: LegacyFolder,
  name: string,
  content: AsyncIterable<Buffer>,
): Promise<StagedUpload> {
  const own = posix.join('uploads', randomUUID());
  const path = posix.join(own, name);
  const receiving = await atFolder(folder, () => makeFolder(folder, receivingFolder));
  const temporary = entryOf(receiving, `${randomUUID()}.part`);
  let isOpen = true;
  const close = async () => {
    isOpen = false;
    await receiving.close();
  };
  const discard = async () => {
    if (isOpen) await unlink(temporary).catch(ignoreMissing);
    if (isOpen) await close();
    await removeInside(folder, path);
  };
  const orDiscard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await atFolder(folder, work);
    } catch (error) {
      await discard().catch(() => undefined);
      throw error;
    }
  };
  const size = await orDiscard(() => write(temporary, content));
  return {
    size,
    path,
    keep: () =>
      orDiscard(async () => {
        const directory = await makeFolder(folder, own);
        try {
          await link(temporary, entryOf(directory, name));
          await unlink(temporary);
          await directory.sync();
        } finally {
          await directory.close();
        }
        await close();
      }),
    discard: () => atFolder(folder, discard),
  };
}

/**
 * Removes the file or link at a path of legacy's folder, not what a link leads to; of an upload its folder, too. Does nothing where there is
 * none of these, or the path leads out of the folder.
 */
export async function removeInside(folder: LegacyFolder, path: string): Promise<void> {
  await atFolder(folder, async () => {
    const parent = posix.dirname(path);
    const directory = await openFolder(folder, parent);
    if (directory === undefined) return;
    try {
      await unlink(entryOf(directory, posix.basename(path))).catch(ignoreMissing);
      await directory.sync();
    } finally {
      await directory.close();
    }
    if (!/^uploads\/[0-9a-f-]{36}$/.test(parent)) return;
    const uploads = await openFolder(folder, 'uploads');
    // One that holds something else stays.
    await (uploads && rmdir(entryOf(uploads, posix.basename(parent))).catch(() => undefined));
    await uploads?.close();
  });
}

const maxUnsynchronizedBytes = 128 * 1024 * 1024;

async function write(file: string, content: AsyncIterable<Buffer>): Promise<number> {
  const handle = await open(file, 'wx', 0o640);
  let size = 0;
  let unsynchronized = 0;
  try {
    for await (const chunk of content) {
      await handle.writeFile(chunk);
      size += chunk.length;
      unsynchronized += chunk.length;
      if (unsynchronized < maxUnsynchronizedBytes) continue;
      // Otherwise a client would wait for the whole of a large file at its end.
      await handle.datasync();
      unsynchronized = 0;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return size;
}
