import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { posix } from 'node:path';
import { isDiskFull } from '../base/disk-space.js';
import { Failure } from '../base/failures.js';
import { type LegacyFolder, pathOf, realRoot } from './inside-folder.js';
import { isInside } from './inside-paths.js';

/** Makes a folder below another one, each entry on the disk; returns it open. */
export async function makeFolder(folder: LegacyFolder, path: string): Promise<FileHandle> {
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
export async function openFolder(folder: LegacyFolder, path: string): Promise<FileHandle | undefined> {
  const root = await realRoot(folder);
  const handle = await open(`${folder.path}/${path}`, constants.O_RDONLY | constants.O_DIRECTORY).catch(ignoreMissing);
  if (handle === undefined) return undefined;
  const real = await pathOf(handle);
  if (isInside(root, real) || real === root) return handle;
  await handle.close();
  return undefined;
}

/** An entry of an open folder, by a path that leads into that folder and no other. */
export function entryOf(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

/** Throws `disk_full` and `legacy_files_unreachable` in place of what the file system says. */
export async function atFolder<T>(folder: LegacyFolder, work: () => Promise<T>): Promise<T> {
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
export function ignoreMissing(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EPERM', 'ENAMETOOLONG', 'ENXIO'].includes(codeOf(error) ?? ''))
    throw error;
}

/** The code of an error of the file system. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined;
}
