import type pg from 'pg';
import { underJobLock } from '../../crawler/job-lock.js';
import { buildCube, type CubeApp, type CubeOptions } from '../../http/cube.js';
import type { LegacyCalls } from '../../http/legacy-calls.js';
import { CrawlerMetrics } from './crawler-metrics.js';
import { createJobRows } from './job-rows.js';
import { registerCrawlerRoutes } from './routes.js';

/** The options of the crawler cube: those of every cube, and where jobs and results are. */
export interface CrawlerCubeOptions extends Omit<CubeOptions, 'permission' | 'bodyLimit' | 'moreMetrics'> {
  readonly legacyDatabase: pg.Pool;
  readonly cubeDatabase: pg.Pool;
  /** Of the same database: connections that wait for legacy, so that a legacy that hangs has none of the others. */
  readonly lockDatabase: pg.Pool;
  /** The monolith's crawler. */
  readonly legacy: LegacyCalls;
}

/** A job has 10,000 URLs. */
const bodyLimit = 4 * 1024 * 1024;

/** The crawler cube without its listener. */
export async function buildCrawlerCube({
  legacyDatabase,
  cubeDatabase,
  lockDatabase,
  legacy,
  ...options
}: CrawlerCubeOptions): Promise<CubeApp> {
  const metrics = new CrawlerMetrics(cubeDatabase, options.clock);
  const app = await buildCube({
    ...options,
    permission: 'crawler:call',
    bodyLimit,
    moreMetrics: { collect: (registry) => metrics.collect(registry) },
  });
  const rows = createJobRows(legacyDatabase, cubeDatabase, options.clock);
  await app.register(async (routes) =>
    registerCrawlerRoutes(
      routes,
      { rows, legacy, locked: (id, work) => underJobLock(lockDatabase, id, work) },
      app.cube.methods,
    ),
  );
  return app;
}
