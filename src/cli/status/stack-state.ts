import { namesOfEveryStack } from '../../stack/programs/programs.js';
import { listProcesses } from '../../stack/stack.js';
import type { StackHome } from '../../state/home.js';

/** A process of the stack, as `ps` and `status` show it. */
export interface ShownProcess {
  readonly name: string;
  readonly pid: number;
  readonly port: number | null;
  readonly version: string;
  readonly state: string;
}

/** Every process of the stack that runs. */
export function shownProcesses(home: StackHome): readonly ShownProcess[] {
  return listProcesses(home).map(({ name, pid, port, version, state }) => ({ name, pid, port, version, state }));
}

/** The programs of the stack in the state folder, as this machine shows them. */
export interface StackState {
  readonly folder: string;
  /** Whether `up` keeps the programs running. */
  readonly supervised: boolean;
  /** Whether every program of it once ran. */
  readonly hasComeUp: boolean;
  readonly processes: readonly ShownProcess[];
  /** Programs of every stack that do not run. */
  readonly absent: readonly string[];
  /** Instances of cubes that ended and were not started again yet. */
  readonly ended: readonly { readonly instance: string; readonly how: string }[];
  /** Programs that died and were started again, the latest time each. */
  readonly restarted: readonly { readonly name: string; readonly at: string; readonly before: string }[];
}

/** Null where no `up` was ever begun. */
export function readStackState(home: StackHome): StackState | null {
  if (!home.exists || home.environment() === undefined) return null;
  const processes = shownProcesses(home);
  const running = new Set(processes.map(({ name }) => name));
  return {
    folder: home.folder,
    supervised: home.supervisor() !== undefined,
    hasComeUp: home.hasComeUp,
    processes,
    absent: namesOfEveryStack().filter((name) => !running.has(name)),
    restarted: listProcesses(home).flatMap(({ name, restarted }) => (restarted ? [{ name, ...restarted }] : [])),
    ended: home
      .instances()
      .filter(({ state }) => state === 'ended')
      .map(({ instanceId, lastEnd }) => ({ instance: instanceId, how: lastEnd ?? 'ended' })),
  };
}
