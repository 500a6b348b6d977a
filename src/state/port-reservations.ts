import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../base/failures.js';
import { linkNew } from './exclusive-link.js';
import { whyNotPrivate } from './private-folder.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/** Where the stacks of one user record for each other which ports they are about to use. */
export function reservationsFolder(): string {
  return join(tmpdir(), `cubeshift-ports-${process.getuid?.() ?? 'own'}`);
}

/**
 * Reserves a port for the calling process as long as it lives: between the check whether a port is free and a server's binding
 * it, another stack may check as well. False when another living process has it. Throws `configuration_invalid` for a folder
 * that another user made or may write to.
 */
export function reservePort(port: number, folder: string = reservationsFolder()): boolean {
  const own = identify(process.pid);
  if (own === undefined) return true;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const reason = whyNotPrivate(folder, 0o077);
  if (reason !== undefined) {
    throw new Failure('configuration_invalid', `The folder of reserved ports, ${folder}, ${reason}.`, {
      hint: 'Find out who made it, and remove it; or name a folder of your own by TMPDIR.',
    });
  }
  const file = join(folder, String(port));
  const candidate = `${file}.${own.pid}`;
  // One that was killed with the same number left its own.
  rmSync(candidate, { force: true });
  writeFileSync(candidate, JSON.stringify(own), { mode: 0o600, flag: 'wx' });
  try {
    for (;;) {
      if (linkNew(candidate, file)) return true;
      const holder = holderOf(file);
      if (holder !== undefined && isAlive(holder)) return holder.pid === own.pid;
      takeAway(file, `${candidate}.old`);
    }
  } finally {
    rmSync(candidate, { force: true });
  }
}

/** Removes what a dead holder left; what a living one has just put there goes back. */
function takeAway(file: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const holder = holderOf(aside);
  if (holder !== undefined && isAlive(holder)) linkNew(aside, file);
  rmSync(aside, { force: true });
}

function holderOf(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    // Gone meanwhile, or not a reservation: the port is free.
    return undefined;
  }
}
