import type { BuiltCube, CubeProgram } from '../../http/cube-program.js';
import { createLegacyCalls } from '../../http/legacy-calls.js';
import { cubeProcessLimits, maxBatchRows } from '../../models/cube-limits.js';
import { createPool } from '../../postgres/connect.js';
import { openStore } from '../../storage/open-store.js';
import { buildAiCube } from './app.js';
import { createModelRecords } from './model-records.js';

const mebibyte = 1024 * 1024;
const waitMillis = 2;
/** Predictions of one model that are not answered yet. */
const maxPending = 512;
/** After so long a version leaves that does not serve users: the engine's comparison has ended. */
const idleMillis = 60_000;

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
    store: openStore(config),
    folder: { path: config.LEGACY_MODEL_DIR, variable: 'LEGACY_MODEL_DIR' },
    legacy: calls,
    models: {
      process: cubeProcessLimits(config.AI_CUBE_PROCESS_MIB),
      maxResidentBytes: config.AI_CUBE_MODELS_MIB * mebibyte,
      maxBatchRows,
      waitMillis,
      maxPending,
      idleMillis,
    },
  });
  const close = async () => {
    await Promise.all([calls.close(), legacy.end(), cube.end()]);
  };
  return { app, close };
}
