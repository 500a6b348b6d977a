import { s3Place } from '../config/storage-place.js';
import type { Configuration, VariableName } from '../config/variables.js';
import type { BlobStore } from './blob-store.js';
import { createFolderStore } from './folder-store.js';
import type { S3Settings } from './s3/settings.js';
import { createS3Store } from './s3-store.js';

/** The variables that say where the store is. Nothing else counts: neither other variables nor files of the user's. */
export const storageVariables = [
  'CUBE_STORAGE_URL',
  'CUBE_STORAGE_ENDPOINT',
  'CUBE_STORAGE_REGION',
  'CUBE_STORAGE_ACCESS_KEY',
  'CUBE_STORAGE_SECRET_KEY',
] as const satisfies readonly VariableName[];

export type StorageSettings = Pick<Configuration, (typeof storageVariables)[number]>;

/** The store that a program's variables name: one of them is enough for all that it does. */
export function openStore(settings: StorageSettings): BlobStore {
  const s3 = s3Settings(settings);
  return s3 === undefined ? createFolderStore(settings.CUBE_STORAGE_URL) : createS3Store(s3);
}

/** Undefined where the store is a folder. */
export function s3Settings(settings: StorageSettings): S3Settings | undefined {
  const place = s3Place(settings.CUBE_STORAGE_URL);
  return (
    place && {
      ...place,
      endpoint: settings.CUBE_STORAGE_ENDPOINT,
      region: settings.CUBE_STORAGE_REGION,
      accessKey: settings.CUBE_STORAGE_ACCESS_KEY,
      secretKey: settings.CUBE_STORAGE_SECRET_KEY,
    }
  );
}
