import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { insertPaperwork } from '../../legacy/paperwork/insert-rows.js';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { createAssets } from '../../src/kinds/assets.js';
import { openDatabases } from '../../src/postgres/databases.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import type { StorageSettings } from '../../src/storage/open-store.js';
import { createDatabases, type TestDatabases } from './databases.js';
import { Engine } from './engine.js';
import { noS3 } from './no-s3.js';
import type { PaperworkTree } from './paperwork-tree.js';

/** Legacy with rows and files of paperwork, and a cube with an empty store. */
export class PaperworkStack {
  private constructor(
    readonly databases: TestDatabases,
    /** LEGACY_STORAGE_DIR. */
    readonly folder: string,
    readonly store: string,
    /** Variables of the store. */
    private readonly storage: StorageSettings,
    readonly deps: ActivityDependencies,
    private readonly close: () => Promise<void>,
  ) {}

  /** With files and a store of its own, where none are given. */
  static async create(given?: string, givenStorage?: StorageSettings): Promise<PaperworkStack> {
    const databases = await createDatabases(0);
    await upgradeLedger(databases.cubeUrl);
    await databases.legacy.query('delete from paperwork_results; delete from paperwork_files');
    const root = mkdtempSync(join(tmpdir(), 'cubeshift-paperwork-'));
    const [folder, store] = [given ?? join(root, 'legacy'), join(root, 'store')];
    mkdirSync(folder, { recursive: true });
    const storage = givenStorage ?? { ...noS3, CUBE_STORAGE_URL: store };
    const opened = openDatabases(databases, 'test', 10);
    const assets = createAssets(
      {
        LEGACY_MODEL_DIR: '',
        LEGACY_STORAGE_DIR: folder,
        ...storage,
        LEGACY_AI_URL: '',
        AI_CUBE_PROCESS_MIB: 0,
      },
      { token: () => '', aiCubeUrl: async () => '' },
    );
    const deps = { databases: opened, worker: 'test/0', reach: () => undefined, assets };
    return new PaperworkStack(databases, folder, store, storage, deps, async () => {
      await opened.close();
      await databases.drop();
      rmSync(root, { recursive: true, force: true });
    });
  }

  /** The generator's rows and files in place of what is there; LEGACY_STORAGE_DIR is `files` of the tree. */
  static async ofTree({ files, paperwork }: PaperworkTree): Promise<PaperworkStack> {
    const stack = await PaperworkStack.create(files);
    await insertPaperwork(stack.databases.legacy, paperwork);
    return stack;
  }

  /** An engine whose bulk worker, a process of its own under this name, reaches the files and the store. */
  startEngine(worker: string, nodeFlags?: readonly string[]): Promise<Engine> {
    return Engine.start({
      ...this.databases,
      apart: ['worker-bulk'],
      environment: {
        [worker]: { LEGACY_STORAGE_DIR: this.folder, ...this.storage },
        control: { ...this.storage },
      },
      ...(nodeFlags === undefined ? {} : { nodeFlags: { [worker]: nodeFlags } }),
    });
  }

  write(path: string, content: string | Buffer): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** A row, with the size of the content where there is one. */
  async addRow(id: number, path: string, { size, mime = null }: { size?: number | null; mime?: string | null } = {}) {
    await this.databases.legacy.query(
      `insert into paperwork_files (id, path, size, mime_type, metadata, created_at)
       values ($1, $2, $3, $4, $5, '2020-02-03 04:05:06.123456+00')`,
      [id, path, size ?? null, mime, JSON.stringify({ from: [...path].slice(0, 5).join('') })],
    );
  }

  async addFile(id: number, path: string, content: string | Buffer, mime: string | null = 'text/plain') {
    this.write(path, content);
    await this.addRow(id, path, { size: Buffer.byteLength(content), mime });
  }

  async addResult(id: number, fileId: number | null, result: unknown = { text: `text of ${fileId}` }): Promise<void> {
    await this.databases.legacy.query(
      `insert into paperwork_results (id, file_id, kind, result, created_at) values ($1, $2, 'text', $3, now())`,
      [id, fileId, JSON.stringify(result)],
    );
  }

  /** Contents of the store by their addresses, as they lie there; temporary files under their names. */
  stored(): ReadonlyMap<string, Buffer> {
    const files = new Map<string, Buffer>();
    for (const entry of readdirSync(this.store, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) files.set(entry.name, readFileSync(join(entry.parentPath, entry.name)));
    }
    return files;
  }

  blobFile(content: string | Buffer): string {
    const sha256 = sha256Of(content);
    return join(this.store, sha256.slice(0, 2), sha256);
  }

  /** Rows of the cube with what the store has of them. */
  async moved(): Promise<ReadonlyMap<string, Buffer | undefined>> {
    const stored = this.stored();
    const rows = await this.databases.cube.query<{ path: string; sha256: string }>(
      'select path, sha256 from paperwork.files order by id',
    );
    return new Map(rows.rows.map(({ path, sha256 }) => [path, stored.get(sha256)]));
  }

  /** Rows and contents that the cube has: none after a rollback. */
  async left(): Promise<unknown> {
    const counted = await this.databases.cube.query(
      `select (select count(*)::int from paperwork.files) as files, (select count(*)::int from paperwork.results) as results,
              (select count(*)::int from storage.blobs) as blobs, (select count(*)::int from storage.intended) as intended,
              (select count(*)::int from storage.parts) as parts`,
    );
    return { ...counted.rows[0], stored: [...this.stored().keys()] };
  }

  async drop(): Promise<void> {
    await this.close();
  }
}

export const nothingLeft = { files: 0, results: 0, blobs: 0, intended: 0, parts: 0, stored: [] };

export function sha256Of(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
