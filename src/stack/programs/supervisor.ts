import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../base/failures.js';
import type { StackHome } from '../../state/home.js';
import { isAlive } from '../../state/process-identity.js';
import type { CubeSupervisor } from './cubes.js';
import { ManagedProcess, type ProcessSpec } from './managed-process.js';

const pollMillis = 250;
const cubesPollMillis = 200;
const stopGrace = 20_000;

/**
 * Keeps groups of processes running: a group is brought up together, after those before it. Processes that an earlier supervisor left behind are adopted by their
 * recorded identity, so that a supervisor can be killed at any time and the next one takes over the living processes.
 */
export class Supervisor {
  private readonly groups: ManagedProcess[][] = [];
  private cubes: CubeSupervisor | undefined;

  constructor(private readonly home: StackHome) {}

  /** Adds a group of processes and waits until all of them are ready. */
  async bringUp(specs: readonly ProcessSpec[], millis = 60_000): Promise<void> {
    const group: ManagedProcess[] = [];
    this.groups.push(group);
    for (const spec of specs) {
      const process = new ManagedProcess(spec, this.home);
      await process.adopt(this.home.processes().find((entry) => entry.name === spec.name));
      group.push(process);
    }
    const ready = await Promise.allSettled(group.map((process) => process.awaitReady(millis, () => this.record())));
    this.record();
    const failed = ready.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Begins to make of the cubes what the state folder says, and waits until all of them serve. */
  async bringUpCubes(cubes: CubeSupervisor, millis = 60_000): Promise<void> {
    await cubes.begin();
    this.cubes = cubes;
    const deadline = Date.now() + millis;
    for (;;) {
      await cubes.attend();
      this.record();
      if (cubes.isServing) return;
      for (const process of cubes.processes) process.refuseConflict();
      if (Date.now() > deadline)
        throw new Failure('unexpected', `Not every cube became ready within ${millis / 1000} s.`, {
          hint: `Their logs are in ${this.home.fileOf('logs')}.`,
        });
      await sleep(50);
    }
  }

  /** Restarts programs that die, and starts and stops cubes, until it is stopped. */
  async watch(signal: AbortSignal): Promise<void> {
    await Promise.all([
      repeat(signal, pollMillis, async () => {
        const changes = await Promise.all(this.managed.map((process) => process.attend()));
        if (changes.includes(true)) this.record();
      }),
      repeat(signal, cubesPollMillis, async () => {
        if ((await this.cubes?.attend()) === true) this.record();
      }),
    ]);
  }

  private get managed(): readonly ManagedProcess[] {
    return this.groups.flat();
  }

  /** Stops everything, the last group first. */
  async stop(): Promise<void> {
    await this.cubes?.stop();
    this.cubes = undefined;
    this.record();
    for (let group = this.groups.at(-1); group !== undefined; group = this.groups.at(-1)) {
      await Promise.all(group.map((process) => process.stop(stopGrace)));
      this.groups.pop();
      this.record();
    }
  }

  /** What is not up yet stays on record: should this supervisor die now, the next one finds it. */
  private record(): void {
    const processes = [...this.managed, ...(this.cubes?.processes ?? [])];
    const known = new Set(processes.map((process) => process.spec.name));
    this.home.recordProcesses([
      ...processes.flatMap((process) => process.entry ?? []),
      ...this.home.processes().filter((entry) => !known.has(entry.name) && processes.length > 0 && isAlive(entry)),
    ]);
  }
}

async function repeat(signal: AbortSignal, everyMillis: number, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work();
    await sleep(everyMillis, undefined, { signal }).catch(() => undefined);
  }
}
