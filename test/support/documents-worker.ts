import { inject } from 'vitest';
import { createNamespace, testSecret } from './engine.js';
import { WorkerProcess } from './worker-process.js';

export interface DocumentsWorkerPlace {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
  /** LEGACY_STORAGE_DIR. */
  readonly folder: string;
  readonly storeFolder: string;
  /** Of a test whose documents are classified: one of its own. */
  readonly redisUrl?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A documents worker as a process of its own, in a namespace of one test. */
export class DocumentsWorker extends WorkerProcess {
  private constructor(
    readonly namespace: string,
    { legacyUrl, cubeUrl, folder, storeFolder, redisUrl, environment }: DocumentsWorkerPlace,
  ) {
    super('documents', {
      TEMPORAL_ADDRESS: inject('servers').temporalAddress,
      TEMPORAL_NAMESPACE: namespace,
      PAPERWORK_CUBE_LEGACY_URL: legacyUrl,
      CUBE_DATABASE_URL: cubeUrl,
      REDIS_URL: redisUrl ?? inject('servers').redisUrl,
      CUBE_JWT_SECRET: testSecret,
      LEGACY_STORAGE_DIR: folder,
      CUBE_STORAGE_URL: storeFolder,
      ...environment,
    });
  }

  static async start(place: DocumentsWorkerPlace): Promise<DocumentsWorker> {
    const worker = new DocumentsWorker(await createNamespace(inject('servers').temporalAddress), place);
    await worker.begin();
    if (!worker.isAlive) throw new Error(`the documents worker ended: ${worker.said}`);
    return worker;
  }
}
