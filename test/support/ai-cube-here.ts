import type { FastifyInstance } from 'fastify';
import { expect } from 'vitest';
import { createTokenVerifier } from '../../src/auth/tokens.js';
import { findCube } from '../../src/domain/cubes.js';
import { createLegacyCalls } from '../../src/http/legacy-calls.js';
import { createPool } from '../../src/postgres/connect.js';
import { type AiCubeOptions, buildAiCube } from '../../src/services/ai/app.js';
import { createModelRecords } from '../../src/services/ai/model-records.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { testSecret } from './engine.js';

const mebibyte = 1024 * 1024;
const usual: AiCubeOptions['models'] = {
  process: { maxResidentBytes: 768 * mebibyte, loadMillis: 30_000, runMillis: 10_000 },
  maxResidentBytes: 2048 * mebibyte,
  maxBatchRows: 256,
  waitMillis: 2,
  maxPending: 512,
  idleMillis: 60_000,
};

interface AiCubePlace {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
  /** Of legacy's AI service. */
  readonly serviceUrl: string;
  /** LEGACY_MODEL_DIR. */
  readonly folder: string;
  readonly storeFolder: string;
  readonly models?: Partial<AiCubeOptions['models']>;
  readonly maxPendingBytes?: number | undefined;
}

/** The AI cube in the process of the test, over real databases. */
export async function startAiCubeHere({
  legacyUrl,
  cubeUrl,
  serviceUrl,
  folder,
  storeFolder,
  models,
  maxPendingBytes,
}: AiCubePlace) {
  const settings = { applicationName: 'ai cube', max: 3, statementMillis: 10_000 };
  const pools = [createPool(legacyUrl, settings), createPool(cubeUrl, settings)] as const;
  const store = createFolderStore(storeFolder);
  const legacyFolder = { path: folder, variable: 'LEGACY_MODEL_DIR' };
  const calls = createLegacyCalls(serviceUrl);
  const cube: FastifyInstance = await buildAiCube({
    definition: findCube('ai-cube') ?? expect.fail('no ai-cube'),
    version: '1',
    instanceId: 'one',
    logger: false,
    clock: () => new Date(),
    tokens: createTokenVerifier({ current: testSecret }, () => new Date()),
    dependencies: {},
    records: createModelRecords(...pools),
    store,
    folder: legacyFolder,
    legacy: calls,
    models: { ...usual, ...models },
    ...(maxPendingBytes === undefined ? {} : { maxPendingBytes }),
  });
  const url = await cube.listen({ host: '127.0.0.1', port: 0 });
  const close = async () => {
    await cube.close();
    await Promise.all([calls.close(), ...pools.map((pool) => pool.end())]);
  };
  return { cube, url, store, legacyFolder, close };
}
