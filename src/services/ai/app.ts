import { predictionLimits } from '../../domain/models/prediction.js';
import { buildCube, type CubeApp, type CubeOptions } from '../../http/cube.js';
import type { LegacyCalls } from '../../http/legacy-calls.js';
import { ModelPool } from '../../models/model-pool.js';
import type { ModelPoolOptions } from '../../models/pool-options.js';
import type { BlobStore } from '../../storage/blob-store.js';
import type { LegacyFolder } from '../../storage/inside-folder.js';
import { keyOf, storedModelFiles } from './model-files.js';
import { ModelMetrics } from './model-metrics.js';
import type { ModelRecords } from './model-records.js';
import { ReplacedModels } from './replaced-models.js';
import { registerAiRoutes } from './routes.js';
import { ServingVersions } from './serving-versions.js';

/** The options of the AI cube: those of every cube, and where its models come from. */
export interface AiCubeOptions
  extends Omit<CubeOptions, 'permission' | 'bodyLimit' | 'translate' | 'tryWrite' | 'moreMetrics' | 'replacedModels'> {
  readonly records: ModelRecords;
  readonly store: BlobStore;
  /** Legacy's folder of models. */
  readonly folder: LegacyFolder;
  readonly legacy: LegacyCalls;
  readonly models: Omit<ModelPoolOptions, 'observer'>;
  /** Of the bodies of predictions that are not answered yet: four of the largest without it. */
  readonly maxPendingBytes?: number;
}

/** The AI cube without its listener. Its processes end when it is closed. */
export async function buildAiCube({
  records,
  store,
  folder,
  legacy,
  models,
  maxPendingBytes = 4 * predictionLimits.maxBodyBytes,
  ...options
}: AiCubeOptions): Promise<CubeApp> {
  const metrics = new ModelMetrics();
  const pool = new ModelPool({ ...models, observer: metrics });
  const serving = new ServingVersions(records, folder, ({ id }) => void pool.retire(keyOf(id)));
  const replaced = new ReplacedModels(records, serving);
  const app = await buildCube({
    ...options,
    permission: 'ai:call',
    bodyLimit: predictionLimits.maxBodyBytes,
    // Users do not write models: no ramp waits for a right to.
    tryWrite: async () => undefined,
    moreMetrics: { collect: (registry) => metrics.collect(registry, pool, replaced.known() ?? []) },
    replacedModels: () => replaced.view(),
  });
  const files = storedModelFiles(store, async (name, id) => (await serving.of(name))?.id === id);
  await app.register(async (routes) =>
    registerAiRoutes(
      routes,
      { records, serving, pool, files, legacy, metrics, limits: predictionLimits, maxPendingBytes },
      app.cube,
    ),
  );
  app.addHook('onReady', async () => replaced.start());
  app.addHook('onClose', () => {
    replaced.stop();
    return pool.close();
  });
  return app;
}
