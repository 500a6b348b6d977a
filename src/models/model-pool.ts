import { beforeDeadline, overloadedMillis } from './before-deadline.js';
import { modelUnavailable } from './model-unavailable.js';
import type { ModelVersion } from './model-version.js';
import type { ModelPoolOptions } from './pool-options.js';
import { TaskQueue } from './task-queue.js';
import { VersionProcess } from './version-process.js';
import type { WarmModel } from './warm-model.js';

const trimEveryMillis = 1000;
/** Processes that start at the same time: more would be beyond the memory limit before the first is measured. */
const maxLoads = 4;

/**
 * Models that are kept loaded, each version in a process of its own: one that crashes, hangs or grows past its limit fails its own
 * requests and no others. Its next process starts with the first request after a delay, which doubles from failure to failure.
 */
export class ModelPool {
  private readonly slots = new Map<string, VersionProcess>();
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
      return await work(await beforeDeadline(deadline, slot.warm(version)));
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

  private slotOf(version: ModelVersion): VersionProcess {
    const { key } = version;
    const known = this.slots.get(key);
    if (known !== undefined && !known.isRetired) return known;
    const made = new VersionProcess(version, this.options, this.loads, () => this.trim());
    this.slots.set(key, made);
    return made;
  }

  private async drop(key: string, slot: VersionProcess): Promise<void> {
    if (this.slots.get(key) === slot) this.slots.delete(key);
    await slot.close();
  }

  /** Takes out a version that is not used any more, as one that was only compared or that a late request loaded again. */
  private async leaveIfIdle(key: string, slot: VersionProcess): Promise<void> {
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
