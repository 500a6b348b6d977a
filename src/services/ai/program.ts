import type { BuiltCube, CubeProgram } from '../../http/cube-program.js';
import { createPool } from '../../postgres/connect.js';
import { createFolderStore } from '../../storage/folder-store.js';
import { buildAiCube } from './app.js';
import { createLegacyCalls } from './legacy-calls.js';
import { createModelRecords } from './model-records.js';

const mebibyte = 1024 * 1024;
/** Of predictions; a client waits for thirty seconds at most. */
const runMillis = 10_000;
const loadMillis = 30_000;
const maxBatchRows = 256;
const waitMillis = 2;

/** Builds the AI cube in its process. */
export async function buildAiProgram({ config, basics }: CubeProgram<'ai-cube'>): Promise<BuiltCube> {
  // A client waits at most thirty seconds; reading a row takes a millisecond.
  const pool = { applicationName: 'cubeshift ai cube', max: 4, statementMillis: 5000 };
  const legacy = createPool(config.AI_CUBE_LEGACY_URL, pool);
  const cube = createPool(config.CUBE_DATABASE_URL, pool);
  const calls = createLegacyCalls(config.LEGACY_AI_URL);
  const app = await buildAiCube({
    ...basics,
    dependencies: {
      legacy_database: () => legacy.query('select from public.ai_models limit 0'),
      cube_database: () => cube.query('select from ai.model_versions limit 0'),
    },
    records: createModelRecords(legacy, cube),
    store: createFolderStore(config.CUBE_STORAGE_URL),
    folder: { path: config.LEGACY_MODEL_DIR, variable: 'LEGACY_MODEL_DIR' },
    legacy: calls,
    models: {
      process: { maxResidentBytes: config.AI_CUBE_PROCESS_MIB * mebibyte, loadMillis, runMillis },
      maxResidentBytes: config.AI_CUBE_MODELS_MIB * mebibyte,
      maxBatchRows,
      waitMillis,
    },
  });
  const close = async () => {
    await Promise.all([calls.close(), legacy.end(), cube.end()]);
  };
  return { app, close };
}
