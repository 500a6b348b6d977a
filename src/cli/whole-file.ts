import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { link, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isDiskFull } from '../base/disk-space.js';
import { Failure, toFailure } from '../base/failures.js';

const interruptions = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A partial file that is older belongs to no export that still runs: one that does changes its file all the time. */
const maxPartialAgeMillis = 60 * 60 * 1000;

/**
 * Writes a file that its owner alone can read, with all of `content` or not at all: a name that exists keeps its file unless
 * `overwrite` says otherwise, and what was written until an error or an interruption is removed. A process that was killed
 * leaves it: the next call that writes into the same folder removes it.
 */
export async function writeWholeFile(file: string, content: Readable, overwrite: boolean): Promise<void> {
  const partial = join(dirname(file), `.${basename(file)}.${randomUUID()}.partial`);
  const interrupted = (signal: NodeJS.Signals) => {
    rmSync(partial, { force: true });
    // No listener is left: the signal ends the process, so that a calling script sees how.
    for (const one of interruptions) process.off(one, interrupted);
    process.kill(process.pid, signal);
  };
  for (const signal of interruptions) process.once(signal, interrupted);
  try {
    await refuseExisting(file, overwrite);
    await removeLeftovers(dirname(file));
    const handle = await open(partial, 'wx', 0o600);
    // It closes the handle too; what it wrote is on the disk before the file gets its name.
    await pipeline(content, handle.createWriteStream({ flush: true }));
    await (overwrite ? rename(partial, file) : placeNew(partial, file));
  } catch (error) {
    content.destroy();
    throw toFailure(error, (cause) => fileFailure(file, cause));
  } finally {
    await rm(partial, { force: true }).catch(() => undefined);
    for (const signal of interruptions) process.off(signal, interrupted);
  }
}

const partialName = /^\..+\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.partial$/;

/** Removes what exports of this user that were killed left in a folder. */
async function removeLeftovers(folder: string): Promise<void> {
  // A folder that may be written to but not listed keeps them.
  const names = await readdir(folder).catch((): string[] => []);
  for (const path of names.filter((name) => partialName.test(name)).map((name) => join(folder, name))) {
    const found = await lstat(path).catch(() => undefined);
    const own = found?.isFile() === true && found.uid === process.geteuid?.();
    if (own && Date.now() - found.mtimeMs > maxPartialAgeMillis) await rm(path, { force: true }).catch(() => undefined);
  }
}

async function refuseExisting(file: string, overwrite: boolean): Promise<void> {
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined) return;
  if (!overwrite) throw existsAlready(file);
  if (!found.isFile())
    throw new Failure('invalid_input', `${file} is not a file.`, { hint: 'Name a file to write to.' });
}

/** Gives a file its name, unless another file got the name meanwhile. */
async function placeNew(partial: string, file: string): Promise<void> {
  try {
    await link(partial, file);
  } catch (error) {
    if (!cannotLink.has(codeOf(error))) throw error;
    await refuseExisting(file, false);
    await rename(partial, file);
  }
}

/** What file systems without hard links answer. */
const cannotLink = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

function fileFailure(file: string, error: unknown): Failure | undefined {
  const nothing = { safe: 'No file was written.' };
  if (isDiskFull(codeOf(error)))
    return new Failure('disk_full', `There is no space left to write ${file}.`, {
      ...nothing,
      hint: 'Free disk space there, or name a file on another disk.',
    });
  switch (codeOf(error)) {
    case 'EEXIST':
      return existsAlready(file);
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
    case 'EROFS':
    case 'EISDIR':
    case 'ENAMETOOLONG':
      return new Failure('invalid_input', `${file} cannot be written here (${codeOf(error)}).`, {
        ...nothing,
        hint: 'Name a file in a folder that exists and that you may write to.',
      });
    default:
      return undefined;
  }
}

function existsAlready(file: string): Failure {
  return new Failure('conflict', `There is a file ${file} already.`, {
    safe: 'It was left as it is.',
    hint: 'Name another file, or add --overwrite to replace it.',
  });
}

function codeOf(error: unknown): string {
  const { code }: { code?: unknown } = Object(error);
  return String(code);
}
