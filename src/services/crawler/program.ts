import type { BuiltCube, CubeProgram } from '../../http/cube-program.js';
import { createLegacyCalls } from '../../http/legacy-calls.js';
import { createPool } from '../../postgres/connect.js';
import { buildCrawlerCube } from './app.js';

/** Builds the crawler cube in its process. */
export async function buildCrawlerProgram({ config, basics }: CubeProgram<'crawler-cube'>): Promise<BuiltCube> {
  const settings = { applicationName: 'cubeshift crawler cube', statementMillis: 10_000 };
  const legacyDatabase = createPool(config.CRAWLER_CUBE_LEGACY_URL, { ...settings, max: 5, readOnly: true });
  const cubeDatabase = createPool(config.CUBE_DATABASE_URL, { ...settings, max: 5 });
  const lockDatabase = createPool(config.CUBE_DATABASE_URL, { ...settings, max: 8 });
  const legacy = createLegacyCalls(config.LEGACY_CRAWLER_URL);
  const app = await buildCrawlerCube({
    ...basics,
    dependencies: {
      cube_database: () => cubeDatabase.query('select from crawler.jobs limit 0'),
    },
    // Jobs that the cube runs go on without it.
    optionalDependencies: { legacy_database: () => legacyDatabase.query('select from public.crawler_jobs limit 0') },
    legacyDatabase,
    cubeDatabase,
    lockDatabase,
    legacy,
  });
  const close = async () => {
    await Promise.all([legacy.close(), legacyDatabase.end(), cubeDatabase.end(), lockDatabase.end()]);
  };
  return { app, close };
}
