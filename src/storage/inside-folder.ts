import { type BigIntStats, constants } from 'node:fs';
import { access, type FileHandle, open, opendir, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../base/failures.js';
import type { SeekableContent } from './blob-store.js';

/** A folder of legacy's, of whose paths nothing is trusted. */
export interface LegacyFolder {
  readonly path: string;
  /** The variable that names it. */
  readonly variable: string;
}

/** What keeps a path from being read; `detail` is for a person, without the content. */
export interface UnreadablePath {
  readonly kind: 'outside' | 'missing' | 'not_a_file' | 'unreadable' | 'changing';
  readonly detail: string;
}

/** What a file was like when it was read: another text means that it may hold something else. */
export type StatText = string;

/** A file that is open for reading, from its beginning or from any position on. */
export interface OpenFile extends AsyncIterable<Buffer>, SeekableContent {
  readonly stat: StatText;
}

const tries = 3;
const pauseMillis = 50;

/**
 * Reads a file of the folder as it is at one moment: `read` gets its bytes, and what it returns counts only if the file was the same
 * before and after (inode, size, and times of change in nanoseconds). Otherwise `discard` gets it, and it is read again, three times at most.
 * Links are followed as long as they stay inside the folder. A file whose disk gives errors is tried as often. Throws
 * `legacy_files_unreachable` when the folder itself cannot be read, or a path leads to nothing because the folder is empty.
 */
export async function readInside<T>(
  folder: LegacyFolder,
  path: string,
  read: (file: OpenFile) => Promise<T>,
  discard: (value: T) => Promise<void> = async () => undefined,
): Promise<{ readonly kind: 'read'; readonly value: T; readonly stat: StatText } | UnreadablePath> {
  let fault: DiskFault | undefined;
  for (let attempt = 1; attempt <= tries; attempt++) {
    if (attempt > 1) await sleep(pauseMillis);
    fault = undefined;
    const opened = await openInside(folder, path);
    if (!('handle' in opened)) return opened;
    const { handle } = opened;
    try {
      const file = await openFile(folder, handle);
      const before = file.stat;
      const value = await read(file);
      const [after, again] = [await statText(handle), await statOf(folder, path)];
      if (before === after && before === again) return { kind: 'read', value, stat: before };
      await discard(value);
    } catch (error) {
      if (!(error instanceof DiskFault)) throw error;
      fault = error;
    } finally {
      await handle.close();
    }
  }
  if (fault !== undefined) {
    await assertReadable(folder, await realRoot(folder));
    return { kind: 'unreadable', detail: fault.message };
  }
  return { kind: 'changing', detail: `the file changed while it was read, ${tries} times` };
}

/** What a path leads to now. Where it is what was open, it is inside as well. */
async function statOf(folder: LegacyFolder, path: string): Promise<StatText | undefined> {
  try {
    return statTextOf(await stat(`${folder.path}/${path}`, { bigint: true }));
  } catch {
    // The next attempt says what is wrong.
    return undefined;
  }
}

/** Whether the path leads out of the folder, also to what is not there or may not be read: by its links alone, nothing is opened. */
export async function leadsOutside(folder: LegacyFolder, path: string): Promise<boolean> {
  return !path.includes('\0') && !(await staysInside(await realRoot(folder), path));
}

/** Whether a path ends in the folder, with its links followed as far as they can be read; a loop of links counts as it is named. */
async function staysInside(root: Bytes, path: string): Promise<boolean> {
  const left = bytesOf(Buffer.from(path)).split('/');
  let at = root;
  let links = 0;
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    if (name === '' || name === '.') continue;
    const next = name === '..' ? dirname(at) : join(at, name);
    const target = links < maxLinks ? await targetOf(bufferOf(next)).catch(() => undefined) : undefined;
    if (target === undefined) {
      at = next;
      continue;
    }
    links++;
    left.unshift(...target.split('/'));
    if (target.startsWith('/')) at = '/';
  }
  return at === root || isInside(root, at);
}

/** As many as the kernel follows. */
const maxLinks = 40;

/** What the file is like now; undefined where it is not one that can be read. */
export async function statInside(folder: LegacyFolder, path: string): Promise<StatText | undefined> {
  const opened = await openInside(folder, path);
  if (!('handle' in opened)) return undefined;
  try {
    return await statText(opened.handle);
  } finally {
    await opened.handle.close();
  }
}

/**
 * Opens the regular file that the path leads to; its user closes it. That it lies inside is asked of the open file itself: nothing that is
 * exchanged between the look and the opening leads out of the folder.
 */
export async function openInside(
  folder: LegacyFolder,
  path: string,
): Promise<{ readonly handle: FileHandle } | UnreadablePath> {
  const root = await realRoot(folder);
  if (path.includes('\0')) return { kind: 'missing', detail: 'no name holds a NUL' };
  const outside: UnreadablePath = { kind: 'outside', detail: 'the path leads out of the folder' };
  const notAFile: UnreadablePath = { kind: 'not_a_file', detail: 'the path leads to no regular file' };
  try {
    const real = await realpath(Buffer.concat([bufferOf(root), Buffer.from(`/${path}`)]), 'buffer');
    if (bytesOf(real) === root) return notAFile;
    if (!isInside(root, bytesOf(real))) return outside;
    // A FIFO that nobody writes would hold an open without O_NONBLOCK for ever.
    const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!(await handle.stat()).isFile()) {
        await handle.close();
        return notAFile;
      }
      if (isInside(root, await pathOf(handle))) return { handle };
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    return outside;
  } catch (error) {
    const found = await unreadable(folder, root, error);
    return (await staysInside(root, path)) ? found : outside;
  }
}

/** A path as the system has it, one character a byte: a link may lead to a name that is no text. */
export type Bytes = string;

function bytesOf(path: Buffer): Bytes {
  return path.toString('latin1');
}

function bufferOf(path: Bytes): Buffer {
  return Buffer.from(path, 'latin1');
}

/** The real path of the folder. */
export async function realRoot(folder: LegacyFolder): Promise<Bytes> {
  const root = await realpath(folder.path, 'buffer').catch((error: unknown) => {
    throw folderFailure(folder, error);
  });
  return bytesOf(root);
}

/** Where an open file or folder lies now. */
export async function pathOf({ fd }: FileHandle): Promise<Bytes> {
  return targetOf(`/proc/self/fd/${fd}`);
}

async function targetOf(link: string | Buffer): Promise<Bytes> {
  return bytesOf(await readlink(link, 'buffer'));
}

/** Whether a real path lies below the folder's. */
export function isInside(root: Bytes, real: Bytes): boolean {
  return real.startsWith(root === '/' ? root : `${root}/`);
}

const missing = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL'];

/** Where the folder itself cannot be read, it throws instead: what is wrong then is wrong of every path. */
async function unreadable(folder: LegacyFolder, root: Bytes, error: unknown): Promise<UnreadablePath> {
  const code = codeOf(error);
  if (missing.includes(code) || isForbidden(code) || code === 'EIO') await assertReadable(folder, root);
  if (missing.includes(code)) return { kind: 'missing', detail: `nothing is there (${code})` };
  if (code === 'EISDIR' || code === 'ENXIO') return { kind: 'not_a_file', detail: `no regular file (${code})` };
  if (isForbidden(code)) return { kind: 'unreadable', detail: `the file may not be read (${code})` };
  if (code === 'EIO') return { kind: 'unreadable', detail: new DiskFault().message };
  throw folderFailure(folder, error);
}

/** The disk gives errors for one file: others may be whole. */
class DiskFault extends Error {
  constructor() {
    super('the file cannot be read (EIO)');
  }
}

function isForbidden(code: string): boolean {
  return code === 'EACCES' || code === 'EPERM';
}

/** An empty folder is most often one on which a share is not mounted. */
async function assertReadable(folder: LegacyFolder, root: Bytes): Promise<void> {
  const isEmpty = await holdsNothing(root).catch((error: unknown) => {
    throw folderFailure(folder, error);
  });
  if (isEmpty)
    throw new Failure('legacy_files_unreachable', `The folder ${folder.path} of ${folder.variable} is empty.`);
}

async function holdsNothing(root: Bytes): Promise<boolean> {
  const folder = bufferOf(root);
  await access(folder, constants.R_OK | constants.X_OK);
  const entries = await opendir(folder);
  try {
    return (await entries.read()) === null;
  } finally {
    await entries.close();
  }
}

export function folderFailure({ path, variable }: LegacyFolder, error: unknown): unknown {
  const code = codeOf(error);
  if (code === '') return error;
  return new Failure('legacy_files_unreachable', `The folder ${path} of ${variable} cannot be read (${code}).`, {
    cause: error,
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : '';
}

/** What an open file is like now. */
export async function statText(handle: FileHandle): Promise<StatText> {
  return statTextOf(await handle.stat({ bigint: true }));
}

/** What a file is like, of which device, inode, size and times of change say it: equal texts, equal files. */
export function statTextOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): StatText {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function openFile(folder: LegacyFolder, handle: FileHandle): Promise<OpenFile> {
  const found = await handle.stat({ bigint: true });
  const size = Number(found.size);
  const from = (position: number) => chunksOf(folder, handle, position, size);
  return { size, stat: statTextOf(found), from, [Symbol.asyncIterator]: () => from(0) };
}

/** Ends at the size that the file had when it was opened: one that has grown since is one that has changed. */
async function* chunksOf(
  folder: LegacyFolder,
  handle: FileHandle,
  start: number,
  size: number,
): AsyncGenerator<Buffer> {
  // One that says it is empty is read all the same.
  for (let position = start; position < size || position === 0; ) {
    const wanted = size === 0 ? chunkBytes : Math.min(chunkBytes, size - position);
    const { bytesRead, buffer } = await handle
      .read(Buffer.allocUnsafe(wanted), 0, wanted, position)
      .catch((error: unknown) => {
        throw codeOf(error) === 'EIO' ? new DiskFault() : folderFailure(folder, error);
      });
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const chunkBytes = 256 * 1024;
