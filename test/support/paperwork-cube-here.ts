import { expect } from 'vitest';
import { createTokenVerifier, issueCubeToken } from '../../src/auth/tokens.js';
import { findCube } from '../../src/domain/cubes.js';
import type { UploadLimits } from '../../src/domain/paperwork/upload.js';
import { createLegacyCalls } from '../../src/http/legacy-calls.js';
import { createProcessingRequests } from '../../src/paperwork/processing-requests.js';
import { createStoredFiles } from '../../src/paperwork/stored-files.js';
import { createPool } from '../../src/postgres/connect.js';
import { buildPaperworkCube } from '../../src/services/paperwork/app.js';
import { legacyFileRows } from '../../src/services/paperwork/file-rows.js';
import type { BlobStore } from '../../src/storage/blob-store.js';
import { cubeSecret } from './gateway.js';

interface PaperworkCubePlace {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
  /** Of legacy's paperwork service. */
  readonly serviceUrl: string;
  /** LEGACY_STORAGE_DIR. */
  readonly folder: string;
  readonly store: BlobStore;
  readonly limits: UploadLimits;
}

/** The paperwork cube in the process of the test, over real databases. */
export async function startPaperworkCubeHere(place: PaperworkCubePlace) {
  const settings = { applicationName: 'paperwork cube', max: 4, statementMillis: 10_000 };
  const pools = [createPool(place.legacyUrl, settings), createPool(place.cubeUrl, settings)] as const;
  const { store } = place;
  const folder = { path: place.folder, variable: 'LEGACY_STORAGE_DIR' };
  const calls = createLegacyCalls(place.serviceUrl);
  const cube = await buildPaperworkCube({
    definition: findCube('paperwork-cube') ?? expect.fail('no paperwork-cube'),
    version: '1',
    instanceId: 'one',
    logger: false,
    clock: () => new Date(),
    tokens: createTokenVerifier({ current: cubeSecret }, () => new Date()),
    dependencies: {},
    rows: legacyFileRows(pools[0]),
    stored: createStoredFiles(pools[1]),
    processing: createProcessingRequests(pools[1]),
    store,
    folder,
    legacy: calls,
    limits: place.limits,
  });
  const url = await cube.listen({ host: '127.0.0.1', port: 0 });
  const close = async () => {
    await cube.close();
    await Promise.all([calls.close(), ...pools.map((pool) => pool.end())]);
  };
  return { url, store, folder, close };
}

/** A cube token, of the gateway where nothing else is said. */
export function paperworkToken(permission = 'paperwork:call', cubeId = 'api-gateway-cube'): string {
  return issueCubeToken(cubeSecret, { cubeId, permissions: [permission] }, new Date()).token;
}
