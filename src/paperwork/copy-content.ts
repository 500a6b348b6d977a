import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { filePathProblem } from '../domain/paperwork/file-path.js';
import type { LegacyFile } from '../domain/paperwork/legacy-file.js';
import type { ProcessFailureReason } from '../domain/paperwork/process-failure.js';
import { type BlobStore, type Sha256, verified } from '../storage/blob-store.js';
import { type LegacyFolder, type OpenFile, readInside } from '../storage/inside-folder.js';
import { onTemporaryDisk } from '../storage/temporary-disk.js';
import type { StoredFiles } from './stored-files.js';

export interface ContentPlaces {
  /** LEGACY_STORAGE_DIR. */
  readonly folder: LegacyFolder;
  readonly store: BlobStore;
  readonly stored: StoredFiles;
  /** Called where the store or the cube database cannot give a content that it should have; legacy's folder gives it then. */
  readonly onMissed: (error: unknown) => void;
}

/** The content of a file as it was at one moment. */
export type CopiedContent =
  | { readonly kind: 'copied'; readonly sha256: Sha256 }
  | { readonly kind: 'failed'; readonly reason: ProcessFailureReason };

/**
 * Copies the content of a row to a new file, which stays as it is whatever becomes of the row's: out of the store where the migration has
 * stored the file as it is now, otherwise from legacy's folder. Throws the failures of folder and disk.
 */
export async function copyContent(
  places: ContentPlaces,
  row: LegacyFile,
  target: string,
  maxBytes: number,
): Promise<CopiedContent> {
  if (filePathProblem(row.path) !== undefined) return { kind: 'failed', reason: 'content_missing' };
  const read = await readInside<Sha256 | 'too_large'>(places.folder, row.path, async (file) =>
    file.size > maxBytes ? 'too_large' : ((await copyStored(places, row, file, target)) ?? copyTo(target, file)),
  );
  if (read.kind === 'changing') return { kind: 'failed', reason: 'content_changed' };
  if (read.kind !== 'read') return { kind: 'failed', reason: 'content_missing' };
  if (read.value === 'too_large') return { kind: 'failed', reason: 'too_large' };
  return { kind: 'copied', sha256: read.value };
}

/** Undefined where the store does not have it, or not whole. */
async function copyStored(
  { store, stored, onMissed }: ContentPlaces,
  row: LegacyFile,
  { stat }: OpenFile,
  target: string,
): Promise<Sha256 | undefined> {
  try {
    const sha256 = await stored.contentOf(row, stat);
    if (sha256 !== undefined) await copyTo(target, verified(store, sha256));
    return sha256;
  } catch (error) {
    onMissed(error);
    return undefined;
  }
}

async function copyTo(target: string, content: AsyncIterable<Buffer>): Promise<Sha256> {
  const hash = createHash('sha256');
  const hashed = async function* () {
    for await (const chunk of content) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await onTemporaryDisk(() => writeFile(target, hashed(), { mode: 0o600 }));
  return hash.digest('hex');
}
