import type { ModelVersion } from '../../models/model-pool.js';
import type { BlobStore } from '../../storage/blob-store.js';
import { checkOut } from '../../storage/check-out.js';
import { withWorkingFolder } from '../../storage/working-folder.js';
import type { CubeVersion } from './model-records.js';

/** Versions as the pool loads them. */
export interface ModelFiles {
  versionOf(model: string, version: CubeVersion): ModelVersion;
}

/** Takes files out of the store, every byte compared with its address: a damaged artifact is never loaded. */
export function storedModelFiles(store: BlobStore): ModelFiles {
  return {
    versionOf: (model, { id, sha256, files }) => ({
      key: keyOf(id),
      model,
      withFile: (work) =>
        withWorkingFolder(async (folder) => work(await checkOut(store, { sha256, files: files ?? {} }, folder))),
    }),
  };
}

export function keyOf(versionId: string): string {
  return `version ${versionId}`;
}
