import { readFileSync } from 'node:fs';
import { replaceTextSync } from './text-files.js';

/** A process that cannot be mistaken for a later one with the same number: pid and the time it was started. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** The identity of a living process; undefined when there is none, or only its remains. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold spaces and brackets: fields are counted from its closing one. Rule: man 5 proc.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    return state === 'Z' || startTime === undefined ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** Sends a signal to a process if it is still the one meant. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    // It ended between the check and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Says in a file which process the calling one is: its number and the time it was started. */
export function writeOwnIdentity(file: string): void {
  const own = identify(process.pid);
  replaceTextSync(file, `${own?.pid} ${own?.startTime}`);
}

/** The process that a file names as `writeOwnIdentity` does; undefined where there is no file. */
export function readIdentity(file: string): ProcessIdentity | undefined {
  try {
    const [pid, startTime = ''] = readFileSync(file, 'utf8').split(' ');
    return { pid: Number(pid), startTime };
  } catch {
    return undefined;
  }
}
