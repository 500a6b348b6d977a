import { posix } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { LegacyFolder, StatText } from '../../storage/inside-folder.js';
import { statInside } from '../../storage/inside-folder.js';
import type { CubeVersion, LegacyVersion, ModelRecords } from './model-records.js';

/** The version with which the cube predicts, or null where legacy does. */
export type ServingVersion = CubeVersion | null;

/** After so long both sides are looked at again, while requests go on with what is known. */
const freshMillis = 1000;
/** After so long requests wait for the look. */
const waitMillis = 2000;
/** The contract's bound: what is older does not count, even where a database is away. */
const maxMillis = 5000;
const maxNames = 10_000;

interface Look {
  readonly version: ServingVersion;
  readonly at: number;
}

/**
 * Which version of a model serves now. It is looked at again after a second, and what is known is never older than five: where the
 * databases say nothing for so long, legacy serves.
 */
export class ServingVersions {
  private readonly looks = new LRUCache<string, Look>({ max: maxNames });
  private readonly pending = new Map<string, Promise<Look>>();

  constructor(
    private readonly records: Pick<ModelRecords, 'legacyVersion' | 'activeVersion'>,
    private readonly folder: LegacyFolder,
    /** Called with a version that no longer serves. */
    private readonly onReplaced: (former: CubeVersion) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  async of(name: string): Promise<ServingVersion> {
    const known = this.looks.get(name);
    const age = known === undefined ? Infinity : this.now() - known.at;
    if (known !== undefined && age < freshMillis) return known.version;
    const look = this.lookOnce(name);
    const found = look.catch(() => undefined);
    if (known !== undefined && age < waitMillis) return known.version;
    const newest = (await found) ?? known;
    return newest !== undefined && this.now() - newest.at < maxMillis ? newest.version : null;
  }

  private lookOnce(name: string): Promise<Look> {
    const known = this.pending.get(name);
    if (known !== undefined) return known;
    const at = this.now();
    const look = this.look(name).then((version) => {
      const former = this.looks.get(name)?.version;
      const made = { version, at };
      this.looks.set(name, made);
      if (former && former.id !== version?.id) this.onReplaced(former);
      return made;
    });
    const done = look.finally(() => this.pending.delete(name));
    this.pending.set(name, done);
    return done;
  }

  private async look(name: string): Promise<ServingVersion> {
    const [legacy, active] = await Promise.all([this.records.legacyVersion(name), this.records.activeVersion(name)]);
    if (legacy === undefined || active === undefined) return null;
    const isSame = legacy.sha256?.toLowerCase() === active.source_sha256 && legacy.version === active.version;
    return isSame && (await this.hasSameFiles(legacy, active)) ? active : null;
  }

  /** Whether external data in legacy's folder is what was imported. */
  private async hasSameFiles({ artifact_path }: LegacyVersion, { file_stats }: CubeVersion): Promise<boolean> {
    for (const [name, stat] of Object.entries(file_stats ?? {})) {
      const found: StatText | undefined = await statInside(
        this.folder,
        posix.join(posix.dirname(artifact_path ?? ''), name),
      );
      if (found !== stat) return false;
    }
    return true;
  }
}
