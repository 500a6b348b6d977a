import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export interface RegularFile {
  readonly handle: FileHandle;
  readonly size: number;
}

/** Opens a regular file to read it: undefined for anything else that lies there, which nothing of the store's own is. */
export async function openRegular(file: string): Promise<RegularFile | undefined> {
  let handle: FileHandle;
  try {
    // A FIFO would hold an open without O_NONBLOCK for ever.
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ELOOP', 'ENXIO'].includes(codeOf(error))) return undefined;
    throw error;
  }
  try {
    const found = await handle.stat();
    if (found.isFile()) return { handle, size: found.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
