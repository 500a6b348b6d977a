import { statfsSync } from 'node:fs';

/** Whether what a program or the system said means that no space is left on a disk. */
export function isDiskFull(said: string): boolean {
  return /ENOSPC|EDQUOT|Errno 28|No space left|Disk quota exceeded/i.test(said);
}

/** The space that a user other than root may still fill at a folder; without a limit where there is no such folder. */
export function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
