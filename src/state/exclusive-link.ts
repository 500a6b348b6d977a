import { linkSync } from 'node:fs';

/** Puts `candidate` at `file` unless something is there. A hard link is made by one process only, and is complete from its first instant. */
export function linkNew(candidate: string, file: string): boolean {
  try {
    linkSync(candidate, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
