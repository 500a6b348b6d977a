import { constants } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import type { BlobInfo, StagedBlob } from '../blob-store.js';
import { onTemporaryDisk } from '../temporary-disk.js';
import { atStore } from './at-store.js';

/** A content that lies in a temporary file of a folder store. */
export interface StagedFile extends StagedBlob {
  readonly file: string;
  /** Is due once it is kept or discarded. */
  readonly forget: () => Promise<void>;
}

export function stagedFile(
  root: string,
  file: string,
  { sha256, size }: BlobInfo,
  keepAll: (files: readonly StagedFile[]) => Promise<void>,
  forget: () => Promise<void> = async () => undefined,
): StagedFile {
  const staged: StagedFile = {
    sha256,
    size,
    file,
    forget,
    copyTo: (to) => onTemporaryDisk(() => copyFile(file, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)),
    keep: () => atStore(root, () => keepAll([staged])),
    discard: () =>
      atStore(root, async () => {
        await rm(file, { force: true });
        await forget();
      }),
  };
  return staged;
}

/** A content that another store staged can be kept by that one alone. */
export function stagedFiles(blobs: readonly StagedBlob[]): readonly StagedFile[] {
  return blobs.map((blob) => {
    if (!isStagedFile(blob)) throw new Error('the content was staged by another store');
    return blob;
  });
}

function isStagedFile(blob: StagedBlob): blob is StagedFile {
  return 'file' in blob && 'forget' in blob;
}
