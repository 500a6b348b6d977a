import { Failure } from '../base/failures.js';
import { cubeProcessLimits } from '../models/cube-limits.js';
import type { ModelProcessLimits } from '../models/model-process.js';
import type { BlobStore } from '../storage/blob-store.js';
import type { LegacyFolder } from '../storage/inside-folder.js';
import { openStore, type StorageSettings } from '../storage/open-store.js';

/**
 * What steps of some kinds reach apart from the databases: files and services, by the worker's environment. Each throws
 * `configuration_invalid` where the environment does not name it.
 */
export interface Assets {
  /** Legacy's folder of AI models. */
  modelFolder(): LegacyFolder;
  /** Legacy's folder of paperwork files. */
  storageFolder(): LegacyFolder;
  store(): BlobStore;
  /** What one model may take of the AI cube. */
  modelLimits(): ModelProcessLimits;
  legacyAiUrl(): string;
  /** Of an instance of the version that takes traffic. Throws `upstream_unavailable` while there is none. */
  aiCubeUrl(): Promise<string>;
  /** A cube token of the engine's own that is valid now and holds this permission. */
  token(permission: string): string;
}

export interface AssetSettings extends StorageSettings {
  readonly LEGACY_MODEL_DIR: string;
  readonly LEGACY_STORAGE_DIR: string;
  readonly LEGACY_AI_URL: string;
  readonly AI_CUBE_PROCESS_MIB: number;
}

/** Of a program whose steps reach the databases alone. */
export const noAssets: Assets = createAssets(
  {
    LEGACY_MODEL_DIR: '',
    LEGACY_STORAGE_DIR: '',
    CUBE_STORAGE_URL: '',
    CUBE_STORAGE_ENDPOINT: '',
    CUBE_STORAGE_REGION: '',
    CUBE_STORAGE_ACCESS_KEY: '',
    CUBE_STORAGE_SECRET_KEY: '',
    LEGACY_AI_URL: '',
    AI_CUBE_PROCESS_MIB: 0,
  },
  { token: () => '', aiCubeUrl: async () => '' },
);

export function createAssets(settings: AssetSettings, services: Pick<Assets, 'token' | 'aiCubeUrl'>): Assets {
  const named = (variable: 'LEGACY_MODEL_DIR' | 'LEGACY_STORAGE_DIR' | 'CUBE_STORAGE_URL' | 'LEGACY_AI_URL') => {
    if (settings[variable] === '')
      throw new Failure('configuration_invalid', `${variable} is not set, which steps of this kind need.`, {
        hint: `Set ${variable} for the bulk workers and start them again, then resume the run.`,
      });
    return settings[variable];
  };
  let store: BlobStore | undefined;
  return {
    modelFolder: () => ({ path: named('LEGACY_MODEL_DIR'), variable: 'LEGACY_MODEL_DIR' }),
    modelLimits: () => cubeProcessLimits(settings.AI_CUBE_PROCESS_MIB),
    storageFolder: () => ({ path: named('LEGACY_STORAGE_DIR'), variable: 'LEGACY_STORAGE_DIR' }),
    store: () => {
      store ??= openStore({ ...settings, CUBE_STORAGE_URL: named('CUBE_STORAGE_URL') });
      return store;
    },
    legacyAiUrl: () => named('LEGACY_AI_URL'),
    ...services,
  };
}
