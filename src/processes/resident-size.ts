import { readFileSync } from 'node:fs';

/** The resident size of a process in bytes; undefined where it has ended, or the system has no /proc. */
export function residentSize(pid: number): number | undefined {
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
