import { Readable } from 'node:stream';
import { toFailure } from '../../base/failures.js';
import type { UploadLimits } from '../../domain/paperwork/upload.js';
import { buildCube, type CubeApp, type CubeOptions } from '../../http/cube.js';
import type { LegacyCalls } from '../../http/legacy-calls.js';
import type { ProcessingRequests } from '../../paperwork/processing-requests.js';
import type { StoredFiles } from '../../paperwork/stored-files.js';
import type { BlobStore } from '../../storage/blob-store.js';
import type { LegacyFolder } from '../../storage/inside-folder.js';
import { stageUpload } from '../../storage/write-inside.js';
import { Contents } from './contents.js';
import type { FileRows } from './file-rows.js';
import { PaperworkMetrics } from './paperwork-metrics.js';
import { registerPaperworkRoutes } from './routes.js';

/** The options of the paperwork cube: those of every cube, and where rows, files and contents are. */
export interface PaperworkCubeOptions
  extends Omit<CubeOptions, 'permission' | 'bodyLimit' | 'carriesFiles' | 'translate' | 'tryWrite' | 'moreMetrics'> {
  readonly rows: FileRows;
  readonly stored: StoredFiles;
  readonly processing: ProcessingRequests;
  readonly store: BlobStore;
  /** LEGACY_STORAGE_DIR. */
  readonly folder: LegacyFolder;
  readonly legacy: LegacyCalls;
  readonly limits: UploadLimits;
}

/** The paperwork cube without its listener. */
export async function buildPaperworkCube({
  rows,
  stored,
  processing,
  store,
  folder,
  legacy,
  limits,
  ...options
}: PaperworkCubeOptions): Promise<CubeApp> {
  const metrics = new PaperworkMetrics();
  const app = await buildCube({
    ...options,
    permission: 'paperwork:call',
    carriesFiles: true,
    tryWrite: async () => {
      const upload = await stageUpload(folder, 'cubeshift-write-check', Readable.from([Buffer.from('check')]));
      await upload.discard();
      await rows.checkWrites();
    },
    moreMetrics: { collect: (registry) => metrics.collect(registry) },
  });
  const contents = new Contents({
    folder,
    store,
    stored,
    onRead: (from, bytes) => metrics.read(from, bytes),
    onMissed: (error) => {
      const { type, message } = toFailure(error);
      app.log.error({ type, detail: message }, 'a content could not be read where it is stored');
      metrics.miss();
    },
  });
  const onNotForgotten = (error: unknown) => {
    const { type, message } = toFailure(error);
    app.log.warn({ type, detail: message }, 'the processing of a file that was deleted could not be dropped');
  };
  await app.register(async (routes) =>
    registerPaperworkRoutes(
      routes,
      { rows, contents, processing, onNotForgotten, legacy, folder, limits },
      app.cube.methods,
    ),
  );
  return app;
}
