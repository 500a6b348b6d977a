import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What must come of a special row, as a committed list says that no program computes. */
export interface ExpectedRow {
  /** `converts`, or the reason for which the row is rejected. */
  readonly outcome: string;
  readonly why: string;
}

export interface Expected {
  readonly jobs: Readonly<Record<string, ExpectedRow>>;
  readonly results: Readonly<Record<string, ExpectedRow>>;
}

export function expectedCrawler(): Expected {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'legacy', 'crawler', 'expected.json'))) folder = dirname(folder);
  return JSON.parse(readFileSync(join(folder, 'legacy', 'crawler', 'expected.json'), 'utf8')) as Expected;
}
