import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Texts that stand for contents of records and for tokens, and the places where none of them may be found. */
export class Markers {
  private readonly stem = `zz${randomBytes(6).toString('hex')}`;
  private readonly since = Date.now();
  private readonly kinds = new Set<string>();

  /** The text to plant as this kind of content. */
  of(kind: string): string {
    this.kinds.add(kind);
    return `${this.stem}-${kind}`;
  }

  /** The places of `texts`, by their names, where a marker is, each with the kind of its content. */
  foundIn(texts: ReadonlyMap<string, string>): readonly string[] {
    return [...texts].flatMap(([place, text]) =>
      [...this.kinds].filter((kind) => text.includes(`${this.stem}-${kind}`)).map((kind) => `${place}: ${kind}`),
    );
  }

  /** Files of a folder, whatever is in them, but for folders of these names: the databases themselves hold the records. */
  filesOf(folder: string, without: readonly string[]): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !without.includes(entry.name))
        for (const [name, text] of this.filesOf(path, without)) found.set(name, text);
      if (entry.isFile()) found.set(path, readFileSync(path, 'latin1'));
    }
    return found;
  }

  /** What lies in the folder for temporary files since the markers were made, two folders deep. */
  temporaryFiles(): ReadonlyMap<string, string> {
    const files = [tmpdir(), ...foldersIn(tmpdir())].flatMap((folder) => filesIn(folder));
    return new Map(
      files.flatMap((path) => {
        const about = statSync(path, { throwIfNoEntry: false });
        const isOurs = about !== undefined && about.mtimeMs >= this.since && about.size < 64 * 1024 * 1024;
        return isOurs ? [[path, readFileSync(path, 'latin1')] as const] : [];
      }),
    );
  }

  /** Every command line of the machine. */
  commandLines(): ReadonlyMap<string, string> {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return new Map(pids.map((pid) => [`process ${pid}`, commandLineOf(pid)]));
  }
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended.
    return '';
  }
}

function foldersIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [join(folder, entry.name)] : [],
  );
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(folder, entry.name)] : [],
    );
  } catch {
    // Another user's, or gone.
    return [];
  }
}
