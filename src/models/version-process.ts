import { Failure } from '../base/failures.js';
import type { LoadFailure } from './messages.js';
import { type ModelProcess, startModelProcess } from './model-process.js';
import { modelUnavailable, type UnavailableReason } from './model-unavailable.js';
import type { ModelVersion } from './model-version.js';
import type { ModelPoolOptions } from './pool-options.js';
import type { TaskQueue } from './task-queue.js';
import { loadWarmModel, type WarmModel } from './warm-model.js';

const firstRetryMillis = 500;
const maxRetryMillis = 30_000;
/** A process that served for so long before it failed was no failure of the last attempt. */
const steadyMillis = 60_000;

/** One version, with its process while it has one. */
export class VersionProcess {
  users = 0;
  usedAt = 0;
  /** When it was found to be kept. */
  keptAt = 0;
  isRetired = false;
  private process: ModelProcess | undefined;
  private warming: Promise<WarmModel> | undefined;
  private failures = 0;
  private retryAt = 0;
  private startedAt = 0;
  private lastFailure: UnavailableReason = 'crashed';
  private hasLoaded = false;

  readonly model: string;
  readonly isKept: () => Promise<boolean>;

  constructor(
    { model, isKept }: ModelVersion,
    private readonly options: ModelPoolOptions,
    private readonly loads: TaskQueue,
    private readonly onLoaded: () => void,
  ) {
    this.model = model;
    this.isKept = isKept;
  }

  get isLoaded(): boolean {
    return this.hasLoaded;
  }

  get residentBytes(): number {
    return this.process?.residentBytes() ?? 0;
  }

  warm(version: ModelVersion): Promise<WarmModel> {
    const wait = this.retryAt - performance.now();
    if (this.warming === undefined && wait > 0) return Promise.reject(modelUnavailable(this.lastFailure, wait));
    if (this.warming === undefined) {
      const warming = this.loads.run(() => this.load(version));
      this.warming = warming;
      warming.catch(() => {
        if (this.warming === warming) this.forget();
      });
    }
    return this.warming;
  }

  async close(): Promise<void> {
    const { process } = this;
    this.forget();
    await process?.close();
  }

  private async load(version: ModelVersion): Promise<WarmModel> {
    this.startedAt = performance.now();
    const attempt: { process?: ModelProcess } = {};
    let loaded: WarmModel | LoadFailure;
    try {
      loaded = await version.withFile(async (file) => {
        const process = startModelProcess(this.options.process);
        attempt.process = process;
        this.process = process;
        this.watch(process);
        return loadWarmModel(process, file, this.options, (rows) => this.options.observer.batch(this.model, rows));
      });
    } catch (cause) {
      const isFull = cause instanceof Failure && cause.type === 'disk_full';
      return this.giveUp(isFull ? 'disk_full' : 'artifact_unavailable', attempt.process, cause);
    }
    if ('kind' in loaded) return this.giveUp(loaded.kind, attempt.process);
    // It may have been closed meanwhile; then its first run says so.
    if (this.process === attempt.process) {
      this.hasLoaded = true;
      this.onLoaded();
    }
    return loaded;
  }

  /** The cause is for the log: it may name folders, which the message does not. */
  private async giveUp(reason: UnavailableReason, process: ModelProcess | undefined, cause?: unknown): Promise<never> {
    this.fail(reason, process);
    await process?.close();
    throw modelUnavailable(reason, this.retryAt - performance.now(), cause);
  }

  private watch(process: ModelProcess): void {
    void process.ended.then((reason) => {
      if (reason !== 'closed') this.fail(reason, process);
    });
  }

  /** `process` is undefined for a load that failed before it started one. */
  private fail(reason: UnavailableReason, process: ModelProcess | undefined): void {
    // Of a load that failed because the process ended both say so: the first counts.
    if (this.process !== process) return;
    const now = performance.now();
    this.failures = now - this.startedAt > steadyMillis ? 1 : this.failures + 1;
    const delay = Math.min(maxRetryMillis, firstRetryMillis * 2 ** (this.failures - 1));
    this.retryAt = now + delay * (0.75 + Math.random() / 2);
    this.lastFailure = reason;
    this.forget();
    this.options.observer.failed(this.model, reason);
  }

  private forget(): void {
    this.process = undefined;
    this.warming = undefined;
    this.hasLoaded = false;
  }
}
