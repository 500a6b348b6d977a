import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import type { BlobInfo, Sha256 } from '../blob-store.js';
import { bufferOf, bytesOf, isInside } from '../inside-paths.js';
import { type StatText, statTextOf } from '../stat-text.js';

/**
 * What a file thread does, with calls that block it. A small file takes a dozen of them, which together take less time than handing a
 * single one to another thread.
 */

/** A thread has one: its files are read in turn. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);
/** A FIFO that nobody writes would hold an open without O_NONBLOCK for ever. */
const toRead = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** An open file, for its user to close. */
export interface OpenedInside {
  readonly fd: number;
  readonly size: number;
  readonly stat: StatText;
}

/**
 * Opens the regular file of a folder that a path leads to. That it lies inside is asked of the open file itself: nothing that is exchanged
 * between the look and the opening leads out of the folder.
 */
function openInside(folder: string, path: string): OpenedInside | 'outside' | 'not a file' {
  const root = bytesOf(realpathSync.native(folder, 'buffer'));
  const real = realpathSync.native(Buffer.concat([bufferOf(root), Buffer.from(`/${path}`)]), 'buffer');
  if (bytesOf(real) === root) return 'not a file';
  if (!isInside(root, bytesOf(real))) return 'outside';
  const fd = openSync(real, toRead);
  let opened: OpenedInside | 'outside' | 'not a file' = 'not a file';
  try {
    const found = fstatSync(fd, { bigint: true });
    if (found.isFile())
      opened = isInside(root, bytesOf(readlinkSync(`/proc/self/fd/${fd}`, 'buffer')))
        ? { fd, size: Number(found.size), stat: statTextOf(found) }
        : 'outside';
    return opened;
  } finally {
    if (typeof opened === 'string') closeSync(fd);
  }
}

/** Closes a file: whether it, and what the path leads to, are still what the text says. */
function closeUnchanged(fd: number, path: string, stat: StatText): boolean {
  try {
    return (
      stat === statTextOf(fstatSync(fd, { bigint: true })) && stat === statTextOf(statSync(path, { bigint: true }))
    );
  } catch (error) {
    // The next attempt says what is wrong with the path.
    if (isSystemError(error)) return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * Copies the first bytes of an open file to a new one; nothing stays of this one should that fail. Undefined where the open file cannot be
 * read: whoever reads it in another way says why.
 */
function copyToNew(from: number, size: number, to: string): BlobInfo | undefined {
  const fd = openSync(to, 'wx', 0o640);
  let isWhole = false;
  try {
    let position = 0;
    const sha256 = hashed(from, size, (chunk) => {
      for (let written = 0; written < chunk.length; ) written += writeSync(fd, chunk, written);
      position += chunk.length;
    });
    isWhole = sha256 !== undefined;
    return sha256 === undefined ? undefined : { sha256, size: position };
  } finally {
    closeSync(fd);
    if (!isWhole) rmSync(to, { force: true });
  }
}

/** The sum of a regular file of the store's own; undefined for anything else and for a large one. */
function sumOfSmall(file: string, maxBytes: number): Sha256 | undefined {
  let fd: number;
  try {
    fd = openSync(file, toRead);
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
  try {
    const found = fstatSync(fd);
    return found.isFile() && found.size <= maxBytes ? hashed(fd, found.size, () => undefined) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** The sum of a file's first bytes, as far as it goes; undefined where the system refuses to read them. */
function hashed(fd: number, size: number, onChunk: (chunk: Buffer) => void): Sha256 | undefined {
  const hash = createHash('sha256');
  for (let position = 0; position < size; ) {
    let read: number;
    try {
      read = readSync(fd, buffer, 0, Math.min(buffer.length, size - position), position);
    } catch (error) {
      if (isSystemError(error)) return undefined;
      throw error;
    }
    if (read === 0) break;
    const chunk = buffer.subarray(0, read);
    onChunk(chunk);
    hash.update(chunk);
    position += read;
  }
  return hash.digest('hex');
}

/** Renames files in turn until one cannot be: how many were. */
function renameInTurn(moves: readonly (readonly [from: string, to: string])[]): number {
  let done = 0;
  try {
    for (const [from, to] of moves) {
      renameSync(from, to);
      done++;
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
  return done;
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

export const blockingCalls = { openInside, closeUnchanged, copyToNew, sumOfSmall, renameInTurn } as const;
