import { posix } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { LegacyFolder } from '../../storage/inside-folder.js';
import { statInside } from '../../storage/inside-folder.js';
import type { StatText } from '../../storage/stat-text.js';
import type { CubeVersion, LegacyVersion, ModelRecords } from './model-records.js';

/** The version with which the cube predicts, or null where legacy does. */
export type ServingVersion = CubeVersion | null;

/** Why legacy predicts though a version is active in the cube: its row changed or is gone, or files outside the graph changed. */
export type Replacement = 'row_changed' | 'row_gone' | 'files_changed';

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
 * databases or legacy's folder say nothing for so long, legacy serves, and no request waits for longer.
 */
export class ServingVersions {
  private readonly looks = new LRUCache<string, Look>({ max: maxNames });
  private readonly pending = new Map<string, Promise<Look>>();
  /** Models of which the last look was given up: requests do not wait for the next one. */
  private readonly silent = new LRUCache<string, true>({ max: maxNames });
  /** A call to a folder that hangs, such as a share whose server is away, holds a thread: one at a time. */
  private folderLooks: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly records: Pick<ModelRecords, 'legacyVersion' | 'activeVersion'>,
    private readonly folder: LegacyFolder,
    /** Called with a version that no longer serves. */
    private readonly onReplaced: (former: CubeVersion) => void,
    private readonly now: () => number = () => performance.now(),
    private readonly statIn: (folder: LegacyFolder, path: string) => Promise<StatText | undefined> = statInside,
  ) {}

  async of(name: string): Promise<ServingVersion> {
    const known = this.looks.get(name);
    const age = known === undefined ? Infinity : this.now() - known.at;
    if (known !== undefined && age < freshMillis) return known.version;
    const look = this.lookOnce(name);
    const found = look.catch(() => undefined);
    if (known !== undefined && age < waitMillis) return known.version;
    const newest = (this.silent.has(name) ? undefined : await found) ?? known;
    return newest !== undefined && this.now() - newest.at < maxMillis ? newest.version : null;
  }

  private lookOnce(name: string): Promise<Look> {
    const known = this.pending.get(name);
    if (known !== undefined) return known;
    const at = this.now();
    const givenUp = new AbortController();
    const look = this.look(name, givenUp.signal).then((version) => {
      const latest = this.looks.get(name);
      // One that was given up may end after its successor.
      if (latest !== undefined && latest.at > at) return latest;
      const former = latest?.version;
      const made = { version, at };
      this.looks.set(name, made);
      this.silent.delete(name);
      if (former && former.id !== version?.id) this.onReplaced(former);
      return made;
    });
    const done = this.orGivenUp(name, look, givenUp).finally(() => this.pending.delete(name));
    this.pending.set(name, done);
    return done;
  }

  /** The look, or a failure when it has hung for as long as what is known may serve. */
  private orGivenUp(name: string, look: Promise<Look>, givenUp: AbortController): Promise<Look> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.silent.set(name, true);
        givenUp.abort();
        reject(new Error('The look at a model was given up.'));
      }, maxMillis).unref();
      look.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  private async look(name: string, givenUp: AbortSignal): Promise<ServingVersion> {
    const [legacy, active] = await Promise.all([this.records.legacyVersion(name), this.records.activeVersion(name)]);
    if (active === undefined) return null;
    return (await this.replacement(legacy, active, givenUp)) === undefined ? active : null;
  }

  /** Undefined where legacy still has what was imported as this version. */
  async replacement(
    legacy: LegacyVersion | undefined,
    active: CubeVersion,
    givenUp: AbortSignal,
  ): Promise<Replacement | undefined> {
    if (legacy === undefined) return 'row_gone';
    const isSame = legacy.sha256?.toLowerCase() === active.source_sha256 && legacy.version === active.version;
    if (!isSame) return 'row_changed';
    return (await this.hasSameFiles(legacy, active, givenUp)) ? undefined : 'files_changed';
  }

  /** Whether external data in legacy's folder is what was imported. */
  private async hasSameFiles(
    { artifact_path }: LegacyVersion,
    { file_stats }: CubeVersion,
    givenUp: AbortSignal,
  ): Promise<boolean> {
    for (const [name, stat] of Object.entries(file_stats ?? {})) {
      const path = posix.join(posix.dirname(artifact_path ?? ''), name);
      const found = this.folderLooks.then(() => (givenUp.aborted ? undefined : this.statIn(this.folder, path)));
      this.folderLooks = found.catch(() => undefined);
      if ((await found) !== stat) return false;
    }
    return true;
  }
}
