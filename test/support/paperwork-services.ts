import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { buildPaperworkService } from '../../legacy/paperwork-service/app.js';
import { type UploadLimits, uploadLimits } from '../../src/domain/paperwork/upload.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { createFolderStore } from '../../src/storage/folder-store.js';
import { statInside } from '../../src/storage/inside-folder.js';
import { createDatabases, type TestDatabases } from './databases.js';
import { startPaperworkCubeHere } from './paperwork-cube-here.js';

/** The stand-in's paperwork service and the paperwork cube, over real databases and one folder of legacy's. */
export interface PaperworkServices {
  readonly databases: TestDatabases;
  readonly urls: { readonly legacy: string; readonly cube: string };
  /** LEGACY_STORAGE_DIR. */
  readonly folder: string;
  readonly storeFolder: string;
  /** Adds a file and its row to legacy; returns the id. Without content only the row. */
  addFile(path: string, content: Buffer | null, row?: NewRow): Promise<string>;
  /** Stores a file as the migration does; returns its address in the store. */
  move(id: string): Promise<string>;
  /** The file of a content in the store. */
  blobFile(sha256: string): string;
  close(): Promise<void>;
}

interface NewRow {
  readonly size?: number | null;
  readonly mimeType?: string | null;
  readonly metadata?: string | null;
  readonly createdAt?: string | null;
}

export async function startPaperworkServices(limits: Partial<UploadLimits> = {}): Promise<PaperworkServices> {
  const databases = await createDatabases(0);
  await upgradeLedger(databases.cubeUrl);
  const root = mkdtempSync(join(tmpdir(), 'paperwork-services-'));
  const [folder, storeFolder] = [join(root, 'files'), join(root, 'store')];
  await mkdir(folder);
  const legacyFolder = { path: folder, variable: 'LEGACY_STORAGE_DIR' };
  const ofUploads = { ...uploadLimits, ...limits };
  const legacy = buildPaperworkService({ pool: databases.legacy, folder: legacyFolder, limits: ofUploads });
  const legacyUrl = await legacy.listen({ host: '127.0.0.1', port: 0 });
  const {
    url: cubeUrl,
    store,
    close: closeCube,
  } = await startPaperworkCubeHere({
    legacyUrl: databases.legacyUrl,
    cubeUrl: databases.cubeUrl,
    serviceUrl: legacyUrl,
    folder,
    store: createFolderStore(storeFolder),
    limits: ofUploads,
  });
  return {
    databases,
    urls: { legacy: legacyUrl, cube: cubeUrl },
    folder,
    storeFolder,
    async addFile(path, content, { size = null, mimeType = null, metadata = null, createdAt = null } = {}) {
      if (content !== null) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), content);
      }
      const made = await databases.legacy.query<{ id: string }>(
        `insert into paperwork_files (path, size, mime_type, metadata, created_at) values ($1, $2, $3, $4, $5) returning id::text`,
        [path, size, mimeType, metadata, createdAt],
      );
      return made.rows[0]?.id ?? expect.fail('no row');
    },
    async move(id) {
      const found = await databases.legacy.query('select * from paperwork_files where id = $1', [id]);
      const [row] = found.rows;
      const blob = await store.stage(Readable.from([readFileSync(join(folder, row.path))]), 'test');
      await blob.keep();
      await databases.cube.query(
        `insert into paperwork.files (id, path, size, mime_type, metadata, created_at, sha256, file_stat, migrated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now())`,
        [
          ...[row.id, row.path, row.size, row.mime_type, row.metadata, row.created_at, blob.sha256],
          await statInside(legacyFolder, row.path),
        ],
      );
      return blob.sha256;
    },
    blobFile: (sha256) => join(storeFolder, sha256.slice(0, 2), sha256),
    async close() {
      await Promise.all([legacy.close(), closeCube()]);
      await databases.drop();
      rmSync(root, { recursive: true });
    },
  };
}
