import { buildCube, type CubeApp, type CubeOptions } from '../../http/cube.js';
import type { OwnerSajuRecords } from './record-store.js';
import { registerSajuRoutes } from './routes.js';

/** The options of the saju cube: those of every cube, and the records of the owner. */
export interface SajuCubeOptions extends Omit<CubeOptions, 'permission' | 'bodyLimit' | 'translate' | 'tryWrite'> {
  readonly records: OwnerSajuRecords;
}

/** The saju cube without its listener. */
export async function buildSajuCube({ records, ...options }: SajuCubeOptions): Promise<CubeApp> {
  const app = await buildCube({ ...options, permission: 'saju:call', tryWrite: () => records.checkWrites() });
  // In a separate plugin: these routes parse bodies and word refusals as the monolith does.
  await app.register(async (routes) => registerSajuRoutes(routes, records, app.cube.methods));
  return app;
}
