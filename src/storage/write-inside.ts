import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, rmdir, unlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { isDiskFull } from '../base/disk-space.js';
import { Failure } from '../base/failures.js';
import { isInside, type LegacyFolder, pathOf, realRoot } from './inside-folder.js';

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

/**
 * Receives a file into `uploads/<uuid>/<name>` of legacy's folder: under a temporary name first, synchronised to the disk, then linked to
 * its own, which must not exist. A program that dies leaves a file that no row names. Throws `disk_full` and `legacy_files_unreachable`;
 * nothing stays of what was not received whole.
 */
export async function stageUpload(
  folder: LegacyFolder,
  name: string,
  content: AsyncIterable<Buffer>,
): Promise<StagedUpload> {
  const own = posix.join('uploads', randomUUID());
  const path = posix.join(own, name);
  const directory = await atFolder(folder, () => makeFolder(folder, own));
  const temporary = entryOf(directory, `.${randomUUID()}.part`);
  let isOpen = true;
  const close = async () => {
    isOpen = false;
    await directory.close();
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
        await link(temporary, entryOf(directory, name));
        await unlink(temporary);
        await directory.sync();
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

/** Makes a folder below another one, each entry on the disk; returns it open. */
async function makeFolder(folder: LegacyFolder, path: string): Promise<FileHandle> {
  let made = '.';
  for (const name of path.split('/')) {
    const parent = await openFolder(folder, made);
    if (parent === undefined) throw notInside(folder, made);
    try {
      await mkdir(entryOf(parent, name), { mode: 0o750 });
      await parent.sync();
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    } finally {
      await parent.close();
    }
    made = posix.join(made, name);
  }
  const directory = await openFolder(folder, made);
  if (directory === undefined) throw notInside(folder, made);
  return directory;
}

/** Opens a folder that lies inside; undefined where there is none. What becomes of its path later leads nowhere else. */
async function openFolder(folder: LegacyFolder, path: string): Promise<FileHandle | undefined> {
  const root = await realRoot(folder);
  const handle = await open(`${folder.path}/${path}`, constants.O_RDONLY | constants.O_DIRECTORY).catch(ignoreMissing);
  if (handle === undefined) return undefined;
  const real = await pathOf(handle);
  if (isInside(root, real) || real === root) return handle;
  await handle.close();
  return undefined;
}

/** An entry of an open folder, by a path that leads into that folder and no other. */
function entryOf(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
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

async function atFolder<T>(folder: LegacyFolder, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const name = `${folder.path} of ${folder.variable}`;
    if (isDiskFull(code))
      throw new Failure('disk_full', `No space is left in the folder ${name} (${code}).`, { cause: error });
    throw new Failure('legacy_files_unreachable', `The folder ${name} cannot be written (${code}).`, { cause: error });
  }
}

function notInside({ path, variable }: LegacyFolder, entry: string): Failure {
  return new Failure('legacy_files_unreachable', `${entry} of the folder ${path} of ${variable} leads out of it.`);
}

/** Nothing is there, or what is there is no file. */
function ignoreMissing(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EPERM', 'ENAMETOOLONG', 'ENXIO'].includes(codeOf(error) ?? ''))
    throw error;
}

/** The code of an error of the file system. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined;
}
