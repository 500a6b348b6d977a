import type { ModelVersion } from '../../models/model-version.js';
import type { BlobStore } from '../../storage/blob-store.js';
import { checkOut } from '../../storage/check-out.js';
import { withWorkingFolder } from '../../storage/working-folder.js';
import type { CubeVersion } from './model-records.js';

/** Versions as the pool loads them. */
export interface ModelFiles {
  versionOf(model: string, version: CubeVersion): ModelVersion;
}

/**
 * Takes files out of the store, every byte compared with its address: a damaged artifact is never loaded. `serves` says whether a version
 * is the one with which the cube predicts for users.
 */
export function storedModelFiles(
  store: BlobStore,
  serves: (model: string, versionId: string) => Promise<boolean>,
): ModelFiles {
  return {
    versionOf: (model, { id, sha256, files }) => ({
      key: keyOf(id),
      model,
      isKept: () => serves(model, id),
      withFile: (work) =>
        withWorkingFolder(async (folder) => work(await checkOut(store, { sha256, files: files ?? {} }, folder))),
    }),
  };
}

export function keyOf(versionId: string): string {
  return `version ${versionId}`;
}
