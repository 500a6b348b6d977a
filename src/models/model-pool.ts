import { Failure } from '../base/failures.js';
import type { LoadFailure } from './messages.js';
import { type ModelProcess, type ModelProcessLimits, startModelProcess } from './model-process.js';
import { modelUnavailable, type UnavailableReason } from './model-unavailable.js';
import { TaskQueue } from './task-queue.js';
import { type BatchingOptions, loadWarmModel, type WarmModel } from './warm-model.js';

export interface ModelPoolOptions extends BatchingOptions {
  readonly process: ModelProcessLimits;
  /** Of all processes together: beyond it the models that were used least recently leave. */
  readonly maxResidentBytes: number;
  /** Of one version, from the request to its answer; more are refused as `overloaded`. */
  readonly maxPending: number;
  /** After so long without a prediction a version leaves that is not kept. */
  readonly idleMillis: number;
  readonly observer: ModelPoolObserver;
}

/** What happens in a pool, by the name of the model. */
export interface ModelPoolObserver {
  batch(model: string, rows: number): void;
  evicted(model: string): void;
  /** Its process ended, or it could not be loaded. */
  failed(model: string, reason: UnavailableReason): void;
}

/** A version of a model: what is loaded under its key never changes. */
export interface ModelVersion {
  readonly key: string;
  /** For metrics. */
  readonly model: string;
  /** Whether it stays loaded while memory allows, though no request needs it now. */
  readonly isKept: () => Promise<boolean>;
  /** Runs `work` with a file that holds the graph, its external data in the same folder; both may be gone afterwards. */
  readonly withFile: <T>(work: (file: string) => Promise<T>) => Promise<T>;
}

const firstRetryMillis = 500;
const maxRetryMillis = 30_000;
/** A process that served for so long before it failed was no failure of the last attempt. */
const steadyMillis = 60_000;
const trimEveryMillis = 1000;
/** After so long a client may try again where too many wait. */
const overloadedMillis = 1000;
/** Processes that start at the same time: more would be beyond the memory limit before the first is measured. */
const maxLoads = 4;

/**
 * Models that are kept loaded, each version in a process of its own: one that crashes, hangs or grows past its limit fails its own
 * requests and no others. Its next process starts with the first request after a delay, which doubles from failure to failure.
 */
export class ModelPool {
  private readonly slots = new Map<string, Slot>();
  private readonly loads = new TaskQueue(maxLoads);
  private readonly trimming: NodeJS.Timeout;
  private isOverLimit = false;

  constructor(private readonly options: ModelPoolOptions) {
    this.trimming = setInterval(() => {
      this.trim();
      for (const [key, slot] of this.slots) void this.leaveIfIdle(key, slot);
    }, trimEveryMillis).unref();
  }

  /**
   * Runs `work` with the version, loaded if it was not; it stays loaded until `work` has ended. Throws `upstream_unavailable` while it
   * cannot be loaded, is not loaded at the deadline (of the clock of `performance.now`), or has too many users; and what `work` throws.
   */
  async use<T>(version: ModelVersion, deadline: number, work: (model: WarmModel) => Promise<T>): Promise<T> {
    const slot = this.slotOf(version);
    if (slot.users >= this.options.maxPending) throw modelUnavailable('overloaded', overloadedMillis);
    slot.users += 1;
    slot.usedAt = performance.now();
    try {
      return await work(await before(deadline, slot.warm(version)));
    } finally {
      slot.users -= 1;
      slot.usedAt = performance.now();
      if (slot.isRetired && slot.users === 0) await this.drop(version.key, slot);
      else if (this.isOverLimit) this.trim();
    }
  }

  /** The version is used no more: its process ends with its last request. */
  async retire(key: string): Promise<void> {
    const slot = this.slots.get(key);
    if (slot === undefined) return;
    slot.isRetired = true;
    if (slot.users === 0) await this.drop(key, slot);
  }

  /** The loaded models with the resident sizes of their processes. */
  loaded(): readonly { readonly model: string; readonly bytes: number }[] {
    return [...this.slots.values()]
      .filter(({ isLoaded }) => isLoaded)
      .map(({ model, residentBytes }) => ({ model, bytes: residentBytes }));
  }

  async close(): Promise<void> {
    clearInterval(this.trimming);
    await Promise.all([...this.slots].map(([key, slot]) => this.drop(key, slot)));
  }

  private slotOf(version: ModelVersion): Slot {
    const { key } = version;
    const known = this.slots.get(key);
    if (known !== undefined && !known.isRetired) return known;
    const made = new Slot(version, this.options, this.loads, () => this.trim());
    this.slots.set(key, made);
    return made;
  }

  private async drop(key: string, slot: Slot): Promise<void> {
    if (this.slots.get(key) === slot) this.slots.delete(key);
    await slot.close();
  }

  /** Takes out a version that is not used any more, as one that was only compared or that a late request loaded again. */
  private async leaveIfIdle(key: string, slot: Slot): Promise<void> {
    const { usedAt } = slot;
    if (slot.users > 0 || performance.now() - Math.max(usedAt, slot.keptAt) < this.options.idleMillis) return;
    slot.keptAt = performance.now();
    // While it is not known it stays: the memory limit holds anyway.
    const isKept = await slot.isKept().catch(() => true);
    if (!isKept && slot.users === 0 && slot.usedAt === usedAt) await this.drop(key, slot);
  }

  /** Ends idle processes, the least recently used first, until the others are within the limit. */
  private trim(): void {
    const byUse = [...this.slots].sort(([, a], [, b]) => a.usedAt - b.usedAt);
    let bytes = byUse.reduce((sum, [, { residentBytes }]) => sum + residentBytes, 0);
    this.isOverLimit = bytes > this.options.maxResidentBytes;
    for (const [, slot] of byUse.slice(0, -1)) {
      if (bytes <= this.options.maxResidentBytes) return;
      if (slot.users > 0 || !slot.isLoaded) continue;
      bytes -= slot.residentBytes;
      this.options.observer.evicted(slot.model);
      void slot.close();
    }
  }
}

/** One version, with its process while it has one. */
class Slot {
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

/** What `loading` gives, if it does before the deadline; it goes on behind it, for the next request. */
async function before(deadline: number, loading: Promise<WarmModel>): Promise<WarmModel> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const refuse = () => reject(modelUnavailable('overdue', overloadedMillis));
    timer = setTimeout(refuse, Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([loading, late]);
  } finally {
    clearTimeout(timer);
  }
}
