import type { StorageSettings } from '../../src/storage/open-store.js';

/** Of a store that is a folder. */
export const noS3: Omit<StorageSettings, 'CUBE_STORAGE_URL'> = {
  CUBE_STORAGE_ENDPOINT: '',
  CUBE_STORAGE_REGION: '',
  CUBE_STORAGE_ACCESS_KEY: '',
  CUBE_STORAGE_SECRET_KEY: '',
};
