import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync, realpathSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../base/failures.js';
import { type Artifact, type ArtifactName, artifacts } from './artifacts.js';
import { contentSum, entriesOf, type FolderEntry } from './content-sum.js';

/** Where an artifact is unpacked. */
export function artifactFolder(artifact: Artifact, cacheFolder: string): string {
  return join(cacheFolder, `${artifact.name}-${artifact.version}`);
}

/** Checks that programs are what was fetched; remembers the metadata of each folder, and reads one again when they changed. */
export class ProgramChecks {
  /** What was checked, with its metadata at that time. */
  private readonly checked = new Map<string, string>();

  /**
   * Checks that an artifact in the cache is still what was fetched, to the last byte and name, and that no other user may
   * change it. Throws `unexpected` when not.
   */
  async checkCached(name: ArtifactName, cacheFolder: string): Promise<void> {
    const artifact: Artifact = artifacts[name];
    const real = realpathSync(cacheFolder);
    closeToOthers(real, [{ path: '', stats: lstatSync(real) }]);
    await this.checkFolder(artifactFolder(artifact, cacheFolder), artifact.contentSum);
  }

  /** Checks that a folder holds what its `contentSum` says, and belongs to this user or root with all that is in it. */
  async checkFolder(folder: string, sum: string): Promise<void> {
    closeToOthers(folder, entriesOf(folder));
    const metadata = JSON.stringify([sum, entriesOf(folder).map(metadataOf)]);
    if (this.checked.get(folder) === metadata) return;
    if ((await contentSum(folder)) !== sum) {
      throw new Failure('unexpected', `What is in ${folder} is not what was fetched; nothing of it was started.`, {
        hint: 'Find out who changed it. Then remove the folder; it is fetched again.',
      });
    }
    this.checked.set(folder, metadata);
  }
}

/** What this user owns is closed to writing by others; what another owns, or may write, is refused. */
function closeToOthers(folder: string, entries: readonly FolderEntry[]): void {
  const own = process.getuid?.();
  for (const { path, stats } of entries) {
    const file = join(folder, path);
    const writable = !stats.isSymbolicLink() && (stats.mode & 0o022) !== 0;
    if (stats.uid === own) {
      if (writable) closeFile(file);
    } else if (stats.uid !== 0 || writable) {
      throw new Failure('unexpected', `${file} is another user's to change; nothing was started from there.`, {
        hint: 'Remove it, or name a folder of your own by CUBESHIFT_CACHE.',
      });
    }
  }
}

/** Never through a link that has come in its place meanwhile: of what was opened, and with the rights that this has. */
function closeFile(file: string): void {
  const opened = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    fchmodSync(opened, fstatSync(opened).mode & 0o7755);
  } finally {
    closeSync(opened);
  }
}

/** The time of the last change, `ctime`, is set by the system alone. */
function metadataOf({ path, stats }: { path: string; stats: Stats }) {
  return [path, stats.ino, stats.size, stats.mode, stats.uid, stats.ctimeMs];
}
