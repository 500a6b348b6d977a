import { expect } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../src/auth/tokens.js';
import { findCube } from '../../src/domain/cubes.js';
import { createLegacyCalls } from '../../src/http/legacy-calls.js';
import { createPool } from '../../src/postgres/connect.js';
import { buildCrawlerCube } from '../../src/services/crawler/app.js';
import { cubeSecret } from './gateway.js';

interface CrawlerCubePlace {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
  /** Of legacy's crawler. */
  readonly serviceUrl: string;
}

/** The crawler cube in the process of the test, over real databases. */
export async function startCrawlerCubeHere({ legacyUrl, cubeUrl, serviceUrl }: CrawlerCubePlace) {
  const settings = { applicationName: 'crawler cube', max: 4, statementMillis: 10_000 };
  const [legacyDatabase, cubeDatabase] = [createPool(legacyUrl, settings), createPool(cubeUrl, settings)];
  const lockDatabase = createPool(cubeUrl, settings);
  const legacy = createLegacyCalls(serviceUrl);
  const cube = await buildCrawlerCube({
    definition: findCube('crawler-cube') ?? expect.fail('no crawler-cube'),
    version: '1',
    instanceId: 'one',
    logger: false,
    clock: () => new Date(),
    tokens: createTokenVerifier({ current: cubeSecret }, () => new Date()),
    dependencies: {},
    legacyDatabase,
    cubeDatabase,
    lockDatabase,
    legacy,
  });
  const url = await cube.listen({ host: '127.0.0.1', port: 0 });
  const { token } = issueCubeToken(
    cubeSecret,
    { cubeId: 'api-gateway-cube', permissions: ['crawler:call'] },
    new Date(),
  );
  const close = async () => {
    await cube.close();
    await Promise.all([legacy.close(), legacyDatabase.end(), cubeDatabase.end(), lockDatabase.end()]);
  };
  return { url, headers: { 'x-cube-token': token }, close };
}
