import { execFile } from 'node:child_process';
import type { Hash } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { SharedRun } from '../../base/shared-run.js';

const run = promisify(execFile);

/** For fewer than this a synchronisation of each is quicker than one of the whole file system. */
const manyPaths = 8;

/** Makes a folder of the store where it is missing; the entries of all that were made are on the disk before anything is put into it. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o750 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await synchronize(dirname(made));
}

/** Has the bytes of a file, or the entries of a folder, on the disk. */
export async function synchronize(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same of many paths, all of them in the file system of `folder`. */
export async function synchronizeAll(folder: string, paths: readonly string[]): Promise<void> {
  if (paths.length < manyPaths || !(await synchronisationOf(folder).run()))
    for (const path of paths) await synchronize(path);
}

/** `syncfs`, which Node.js does not have; false where this machine's `sync` does not have it either. */
async function synchronizeFileSystem(folder: string): Promise<boolean> {
  try {
    await run('sync', ['-f', folder]);
    return true;
  } catch {
    // What is wrong with the disk is said by the synchronisation of each path.
    return false;
  }
}

/** By folder: lanes that wait for the disk at the same time wait for it once. */
const synchronisations = new Map<string, SharedRun<boolean>>();

function synchronisationOf(folder: string): SharedRun<boolean> {
  const found = synchronisations.get(folder) ?? new SharedRun(() => synchronizeFileSystem(folder));
  synchronisations.set(folder, found);
  return found;
}

/** Writes and hashes a piece of a content, both at the same time. */
export async function writeHashed(handle: FileHandle, chunk: Buffer, position: number, hash: Hash): Promise<void> {
  const written = writeAll(handle, chunk, position);
  hash.update(chunk);
  await written;
}

/** A write may take less than it was given, as on a disk that is almost full. */
async function writeAll(handle: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}
