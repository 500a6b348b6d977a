import { uploadLimitsOf } from '../../domain/paperwork/upload.js';
import type { BuiltCube, CubeProgram } from '../../http/cube-program.js';
import { createLegacyCalls } from '../../http/legacy-calls.js';
import { createProcessingRequests } from '../../paperwork/processing-requests.js';
import { createStoredFiles } from '../../paperwork/stored-files.js';
import { createPool } from '../../postgres/connect.js';
import { openStore } from '../../storage/open-store.js';
import { keepRemovingAbandonedUploads } from './abandoned-uploads.js';
import { buildPaperworkCube } from './app.js';
import { legacyFileRows } from './file-rows.js';
import { createFolderCheck } from './folder-check.js';

/** Builds the paperwork cube in its process. */
export async function buildPaperworkProgram({ config, basics }: CubeProgram<'paperwork-cube'>): Promise<BuiltCube> {
  const applicationName = 'cubeshift paperwork cube';
  // Users' writes run the triggers of the monolith's tables, as the monolith's own writes do.
  const legacy = createPool(config.PAPERWORK_CUBE_LEGACY_URL, {
    applicationName,
    max: 10,
    statementMillis: 10_000,
    runsForeignCode: true,
  });
  // Without it contents come from legacy's folder, and no processing can be requested.
  const cube = createPool(config.CUBE_DATABASE_URL, { applicationName, max: 4, statementMillis: 2000 });
  const folder = { path: config.LEGACY_STORAGE_DIR, variable: 'LEGACY_STORAGE_DIR' };
  const calls = createLegacyCalls(config.LEGACY_PAPERWORK_URL);
  const app = await buildPaperworkCube({
    ...basics,
    dependencies: {
      legacy_database: () => legacy.query('select from public.paperwork_files limit 0'),
      legacy_files: createFolderCheck(folder.path),
    },
    optionalDependencies: { cube_database: () => cube.query('select from paperwork.files limit 0') },
    rows: legacyFileRows(legacy),
    stored: createStoredFiles(cube),
    processing: createProcessingRequests(cube),
    store: openStore(config),
    folder,
    legacy: calls,
    limits: uploadLimitsOf(config.PAPERWORK_FILE_MIB),
  });
  const stopRemoving = keepRemovingAbandonedUploads(folder, basics.logger);
  const close = async () => {
    stopRemoving();
    await Promise.all([calls.close(), legacy.end(), cube.end()]);
  };
  return { app, close };
}
