import { setTimeout as sleep } from 'node:timers/promises';
import type { StackHome } from './home.js';
import { ManagedProcess, type ProcessSpec } from './managed-process.js';

const lookEveryMillis = 250;
const stopPatience = 20_000;

/**
 * Keeps a list of processes running, in order. Processes that an earlier supervisor left behind are adopted by their
 * recorded identity, so that a supervisor can be killed at any time and the next one goes on with what lives.
 */
export class Supervisor {
  private readonly managed: ManagedProcess[] = [];

  constructor(private readonly home: StackHome) {}

  /** Adds a process and waits until it is ready. */
  async bringUp(spec: ProcessSpec, millis = 60_000): Promise<void> {
    const process = new ManagedProcess(spec, this.home);
    await process.adopt(this.home.processes().find((entry) => entry.name === spec.name));
    this.managed.push(process);
    await process.awaitReady(millis, () => this.record());
    this.record();
  }

  /** Starts again whatever dies, until told to stop. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const changes = await Promise.all(this.managed.map((process) => process.attend()));
      if (changes.includes(true)) this.record();
      await sleep(lookEveryMillis, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Stops everything, the last started first. */
  async stop(): Promise<void> {
    for (const process of [...this.managed].reverse()) {
      await process.stop(stopPatience);
      this.managed.splice(this.managed.indexOf(process), 1);
      this.record();
    }
  }

  /** What is not up yet stays on record: should this supervisor die now, the next one finds it. */
  private record(): void {
    const entries = this.managed.flatMap((process) => process.entry ?? []);
    const known = new Set(this.managed.map((process) => process.spec.name));
    this.home.recordProcesses([
      ...entries,
      ...this.home.processes().filter((entry) => !known.has(entry.name) && this.managed.length > 0),
    ]);
  }
}
