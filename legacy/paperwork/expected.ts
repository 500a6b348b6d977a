import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What must come of a special file, as a committed list says that no program computes. */
export interface ExpectedFile {
  /** `moved`, or the reason for which its row is rejected; `none` where it has no row. */
  readonly outcome: string;
  readonly why: string;
  /** Of the content that must be moved, or that no row names. */
  readonly sha256?: string;
  readonly size?: number;
  /** Whether its media type lies, so that it is moved with a warning. */
  readonly warning?: true;
  /** What the outcome takes; the other outcome is that without it. */
  readonly needs?: {
    /** Who runs the engine. */
    readonly user?: 'not root';
    /** Who laid the files out. */
    readonly layOut?: 'root';
    /** A constraint of the cube's table of files. */
    readonly constraint?: string;
    /** What a test does to the file while it is copied. */
    readonly writer?: 'appends' | 'replaces';
    readonly otherwise: string;
  };
}

export interface ExpectedResult {
  readonly outcome: string;
  readonly why: string;
}

export interface Expected {
  readonly files: Readonly<Record<string, ExpectedFile>>;
  readonly results: Readonly<Record<string, ExpectedResult>>;
}

export function expectedPaperwork(): Expected {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'legacy', 'paperwork', 'expected.json'))) folder = dirname(folder);
  return JSON.parse(readFileSync(join(folder, 'legacy', 'paperwork', 'expected.json'), 'utf8')) as Expected;
}
