import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { inject } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { until } from './conditions.js';
import { createNamespace, testSecret } from './engine.js';
import { shortLivedFlags } from './node-flags.js';

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
export class DocumentsWorker {
  /** What it wrote, over all its lives. */
  said = '';
  private child: ChildProcess | undefined;

  private constructor(
    readonly namespace: string,
    private readonly place: DocumentsWorkerPlace,
  ) {}

  static async start(place: DocumentsWorkerPlace): Promise<DocumentsWorker> {
    const worker = new DocumentsWorker(await createNamespace(inject('servers').temporalAddress), place);
    await worker.begin();
    if (!worker.isAlive) throw new Error(`the documents worker ended: ${worker.said}`);
    return worker;
  }

  /** Starts it again; returns when it is ready, or has ended. */
  async begin(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    const { legacyUrl, cubeUrl, folder, storeFolder, redisUrl = inject('servers').redisUrl } = this.place;
    const from = this.said.length;
    const child = spawn(
      process.execPath,
      [...shortLivedFlags, join(packageRoot(), 'dist', 'src', 'workers', 'documents.js')],
      {
        env: {
          PATH: process.env.PATH,
          TEMPORAL_ADDRESS: inject('servers').temporalAddress,
          TEMPORAL_NAMESPACE: this.namespace,
          PAPERWORK_CUBE_LEGACY_URL: legacyUrl,
          CUBE_DATABASE_URL: cubeUrl,
          REDIS_URL: redisUrl,
          CUBE_JWT_SECRET: testSecret,
          LEGACY_STORAGE_DIR: folder,
          CUBE_STORAGE_URL: storeFolder,
          LOG_LEVEL: 'info',
          ...this.place.environment,
          ...environment,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.said += chunk.toString('utf8');
      });
    this.child = child;
    await until('the documents worker to be ready', () => this.said.includes('worker ready', from) || !this.isAlive);
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get isAlive(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until it has ended by itself, and returns the signal. */
  async ended(): Promise<NodeJS.Signals | null> {
    if (this.child !== undefined && this.isAlive) await once(this.child, 'exit');
    return this.child?.signalCode ?? null;
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child === undefined || !this.isAlive) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    await gone;
  }
}
