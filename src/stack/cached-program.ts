import { chmodSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failures.js';
import { type Artifact, type ArtifactName, artifacts } from './artifacts.js';
import { contentSum, type Entry, entriesOf } from './content-sum.js';

/** What was checked in this process, and how it looked then. */
const checked = new Map<string, string>();

/** Where an artifact is unpacked. */
export function artifactFolder(artifact: Artifact, cacheFolder: string): string {
  return join(cacheFolder, `${artifact.name}-${artifact.version}`);
}

/**
 * Sees that what is in the cache is still what was fetched, to the last byte and name, and nobody else's to change.
 * Throws `unexpected` when not.
 */
export async function checkCachedProgram(name: ArtifactName, cacheFolder: string): Promise<void> {
  const artifact: Artifact = artifacts[name];
  closeToOthers(cacheFolder, [{ path: '', stats: statSync(cacheFolder) }]);
  await checkFolder(artifactFolder(artifact, cacheFolder), artifact.contentSum);
}

/**
 * Sees that a folder holds what its `contentSum` says, and belongs to this user or root with all that is in it. Contents
 * are read again when anything was touched since this process read them last.
 */
export async function checkFolder(folder: string, sum: string): Promise<void> {
  closeToOthers(folder, entriesOf(folder));
  const looks = JSON.stringify([sum, entriesOf(folder).map(lookOf)]);
  if (checked.get(folder) === looks) return;
  if ((await contentSum(folder)) !== sum) {
    throw new Failure('unexpected', `What is in ${folder} is not what was fetched; nothing of it was started.`, {
      hint: 'Find out who changed it. Then remove the folder; it is fetched again.',
    });
  }
  checked.set(folder, looks);
}

/** What this user owns is closed to writing by others; what another owns, or may write, is refused. */
function closeToOthers(folder: string, entries: readonly Entry[]): void {
  const own = process.getuid?.();
  for (const { path, stats } of entries) {
    const file = join(folder, path);
    const writable = !stats.isSymbolicLink() && (stats.mode & 0o022) !== 0;
    if (stats.uid === own) {
      if (writable) chmodSync(file, stats.mode & 0o7755);
    } else if (stats.uid !== 0 || writable) {
      throw new Failure('unexpected', `${file} is another user's to change; nothing was started from there.`, {
        hint: 'Remove it, or name a folder of your own by CUBESHIFT_CACHE.',
      });
    }
  }
}

/** The time of the last change, `ctime`, is set by the system alone. */
function lookOf({ path, stats }: { path: string; stats: Stats }) {
  return [path, stats.ino, stats.size, stats.mode, stats.uid, stats.ctimeMs];
}
