import { rmSync } from 'node:fs';
import { Failure } from '../base/failures.js';
import { linkNew } from './exclusive-link.js';
import type { PrivateFiles } from './private-files.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/** Locks of a folder, each held by one process as long as that lives: `<name>.lock` says by which. */
export class Locks {
  constructor(private readonly files: PrivateFiles) {}

  /** The living holder of a lock. */
  holder(name: string): ProcessIdentity | undefined {
    const holder = this.files.read<ProcessIdentity>(`${name}.lock`);
    return holder !== undefined && isAlive(holder) ? holder : undefined;
  }

  /**
   * Gives the calling process the lock; throws what `refusal` makes while another process has it. Returns how to release
   * it.
   */
  acquire(name: string, conflict: (holder: ProcessIdentity) => Failure): () => void {
    const own = identify(process.pid);
    if (own === undefined)
      throw new Failure('unexpected', 'This system has no /proc, by which processes are identified.');
    const lock = `${name}.lock`;
    const candidate = `${name}.${process.pid}.lock`;
    this.files.write(candidate, own);
    try {
      const holder = this.take(lock, candidate);
      if (holder !== undefined) throw conflict(holder);
      return () => this.remove(lock);
    } finally {
      this.remove(candidate);
    }
  }

  /** Puts the candidate in a lock's place, unless a living process holds it or is about to: then that one is returned. */
  private take(name: string, candidate: string): ProcessIdentity | undefined {
    for (;;) {
      if (linkNew(this.files.path(candidate), this.files.path(name))) return undefined;
      const holder = this.files.read<ProcessIdentity>(name);
      if (holder === undefined) continue;
      if (isAlive(holder)) return holder;
      const other = this.removeDead(name, holder, candidate);
      if (other !== undefined) return other;
    }
  }

  /**
   * Removes a dead holder's lock, one process at a time and after another check: one that checked long ago would remove
   * the lock of a later holder. That right is a lock itself, so that it survives its holder's death as well.
   */
  private removeDead(name: string, dead: ProcessIdentity, candidate: string): ProcessIdentity | undefined {
    const right = `ended.${dead.pid}.${dead.startTime}.lock`;
    const other = this.take(right, candidate);
    if (other !== undefined) return other;
    const holder = this.files.read<ProcessIdentity>(name);
    if (holder?.pid === dead.pid && holder.startTime === dead.startTime) this.remove(name);
    this.remove(right);
    return undefined;
  }

  private remove(name: string): void {
    rmSync(this.files.path(name), { force: true });
  }
}
