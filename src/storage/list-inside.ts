import type { Dir } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { folderFailure, type LegacyFolder } from './inside-folder.js';

/** What lies in a folder, by its path from there on: bytes, in no particular encoding. */
export interface ListedEntry {
  readonly path: Buffer;
  readonly kind: 'file' | 'link';
}

const slash = Buffer.from('/');

/**
 * Regular files and links of a folder, and of all folders in it, as the file system returns them. Links are not followed. Memory is one
 * open folder a level. What vanishes meanwhile, or may not be read, is left out, but for the folder itself.
 */
export async function* listInside(folder: LegacyFolder): AsyncGenerator<ListedEntry> {
  const opened = await opendir(folder.path, { encoding: 'buffer' as BufferEncoding }).catch((error: unknown) => {
    throw folderFailure(folder, error);
  });
  yield* listFolder(opened, Buffer.from(`${folder.path}/`), Buffer.alloc(0));
}

async function* listFolder(opened: Dir, root: Buffer, prefix: Buffer): AsyncGenerator<ListedEntry> {
  for await (const entry of opened) {
    // Node.js returns the names as they are asked for.
    const path = Buffer.concat([prefix, entry.name as unknown as Buffer]);
    if (entry.isFile()) yield { path, kind: 'file' };
    else if (entry.isSymbolicLink()) yield { path, kind: 'link' };
    else if (entry.isDirectory()) {
      const inner = await openInner(Buffer.concat([root, path]));
      if (inner !== undefined) yield* listFolder(inner, root, Buffer.concat([path, slash]));
    }
  }
}

async function openInner(path: Buffer): Promise<Dir | undefined> {
  try {
    return await opendir(path, { encoding: 'buffer' as BufferEncoding });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'ELOOP') return undefined;
    throw error;
  }
}
