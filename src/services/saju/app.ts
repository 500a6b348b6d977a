import { buildCube, type CubeApp, type CubeOptions } from '../../http/cube.js';
import type { OwnerSajuRecords } from './record-store.js';
import { registerSajuRoutes } from './routes.js';

/** What the saju cube is built from: the host's part, and the records of whoever owns them. */
export interface SajuCubeOptions extends Omit<CubeOptions, 'permission' | 'bodyLimit' | 'translate' | 'tryWrite'> {
  readonly records: OwnerSajuRecords;
}

/** The saju cube without its listener. */
export async function buildSajuCube({ records, ...options }: SajuCubeOptions): Promise<CubeApp> {
  const app = await buildCube({ ...options, permission: 'saju:call', tryWrite: () => records.checkWrites() });
  // In a plugin of their own: they read bodies and tell refusals as the monolith does, not as the host does.
  await app.register(async (routes) => registerSajuRoutes(routes, records, app.cube.methods));
  return app;
}
