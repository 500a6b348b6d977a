import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder on a disk of its own that holds little; making one needs root. */
export class SmallDisk {
  private constructor(readonly folder: string) {}

  static mount(folder: string, size = '16k'): SmallDisk {
    asRoot('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder);
    return new SmallDisk(folder);
  }

  grow(): void {
    asRoot('mount', '-o', 'remount,size=64m', this.folder);
  }

  setReadOnly(isReadOnly: boolean): void {
    asRoot('mount', '-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.folder);
  }

  unmount(): void {
    asRoot('umount', this.folder);
  }
}

export function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-mount-'));
  try {
    SmallDisk.mount(folder).unmount();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs `work` with a small disk for temporary files of this process. */
export async function withSmallTemporaryDisk(work: (disk: SmallDisk) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-small-'));
  const disk = SmallDisk.mount(folder);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    await work(disk);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    disk.unmount();
    rmSync(folder, { recursive: true });
  }
}

function asRoot(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'ignore' });
}
