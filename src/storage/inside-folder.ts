import { constants } from 'node:fs';
import { access, type FileHandle, opendir, readlink, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../base/failures.js';
import type { Content, SeekableContent } from './blob-store.js';
import { type Bytes, bufferOf, bytesOf, isInside } from './inside-paths.js';
import { OpenDescriptor } from './open-descriptor.js';
import { readAhead } from './read-ahead.js';
import type { StatText } from './stat-text.js';
import { inFileThread } from './threads/file-threads.js';

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

/** A file that is open for reading, from its beginning or from any position on. */
export interface OpenFile extends Content, SeekableContent {
  readonly stat: StatText;
  /** The first bytes, as many as there are. */
  head(bytes: number): Promise<Buffer>;
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
    if ('kind' in opened) return opened;
    const { handle, stat } = opened;
    try {
      const value = await read(fileOf(folder, opened));
      if (await handle.closeUnchanged(`${folder.path}/${path}`, stat)) return { kind: 'read', value, stat };
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
  if ('kind' in opened) return undefined;
  await opened.handle.close();
  return opened.stat;
}

/** A regular file that was opened, and what it was like then; its user closes it. */
export interface OpenedFile {
  readonly handle: OpenDescriptor;
  readonly size: number;
  readonly stat: StatText;
}

/** Opens the regular file that the path leads to, whatever is exchanged meanwhile, only inside the folder. */
export async function openInside(folder: LegacyFolder, path: string): Promise<OpenedFile | UnreadablePath> {
  const outside: UnreadablePath = { kind: 'outside', detail: 'the path leads out of the folder' };
  if (path.includes('\0')) {
    await realRoot(folder);
    return { kind: 'missing', detail: 'no name holds a NUL' };
  }
  try {
    const opened = await inFileThread('openInside', folder.path, path);
    if (opened === 'outside') return outside;
    if (opened === 'not a file') return { kind: 'not_a_file', detail: 'the path leads to no regular file' };
    return { handle: new OpenDescriptor(opened.fd), size: opened.size, stat: opened.stat };
  } catch (error) {
    const root = await realRoot(folder);
    const found = await unreadable(folder, root, error);
    return (await staysInside(root, path)) ? found : outside;
  }
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

function fileOf(folder: LegacyFolder, { handle, size, stat }: OpenedFile): OpenFile {
  const failureOf = (error: unknown) => (codeOf(error) === 'EIO' ? new DiskFault() : folderFailure(folder, error));
  // It ends at the size that the file had when it was opened: one that has grown since is one that has changed.
  const to = (end: number) => (start: number) => readAhead(handle, { start, end }, failureOf);
  // One that says it is empty is read all the same.
  const from = to(size === 0 ? Number.POSITIVE_INFINITY : size - 1);
  const head = async (bytes: number) => {
    for await (const chunk of to(bytes - 1)(0)) return chunk;
    return Buffer.alloc(0);
  };
  const inFile = size === 0 ? undefined : { fd: handle.fd, size };
  return { size, stat, from, head, inFile, [Symbol.asyncIterator]: () => from(0) };
}
