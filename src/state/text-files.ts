import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../base/failures.js';

/** The text of a file; undefined where there is none. */
export function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** A JSON file; undefined when it is not there. Throws `unexpected` for one that cannot be read. */
export async function readJson(file: string): Promise<unknown> {
  try {
    const text = await readText(file);
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    throw new Failure('unexpected', `The file ${file} is not readable as JSON.`, { cause: error });
  }
}

/**
 * Replaces a file in one step, on disk before it returns: a reader, or a process that starts after a crash, finds the old
 * text or the new one. Readable by its owner only.
 */
export async function replaceText(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.${randomUUID()}`;
  try {
    const handle = await open(part, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Replaces a file in one step, without waiting for the disk. Readable by its owner only. */
export function replaceTextSync(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Makes a file anew, readable by its owner only: one that was there with other rights gives none of them on. */
export function rewritePrivately(file: string, text: string): void {
  rmSync(file, { force: true });
  writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
}
