import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTemporaryDisk } from './temporary-disk.js';

const prefix = 'cubeshift-work-';

/**
 * Runs `work` with an empty folder that is removed afterwards. What a program left that was killed meanwhile is removed first. Throws
 * `disk_full`.
 */
export async function withWorkingFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await removeLeftovers();
  const folder = await onTemporaryDisk(() => mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`)));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = /^cubeshift-work-(\d+)-/.exec(name) ?? [];
    // Another user's may not be removed, and are not looked at again.
    if (pid !== undefined && !isRunning(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
