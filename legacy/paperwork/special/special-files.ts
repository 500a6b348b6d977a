import { contents, large } from './contents.js';
import { links, linksAstray } from './links.js';
import { names } from './names.js';
import type { SpecialFile, SpecialResult } from './special-file.js';
import { specialResults, wrongFiles } from './wrong.js';

/** All special ones, `few` of them, as they lie in a small stack, or `all` with the one that is larger than 2 GiB. */
export const specialSets = ['few', 'all', 'all-and-large'] as const;
export type SpecialSet = (typeof specialSets)[number];

export interface Special {
  readonly files: readonly SpecialFile[];
  readonly results: readonly SpecialResult[];
}

export function specialOf(set: SpecialSet): Special {
  const files = [...names, ...contents, ...links, ...linksAstray, ...wrongFiles];
  if (set === 'few')
    return {
      files: files.filter(({ name }) => few.has(name)),
      results: specialResults.filter(({ name }) => few.has(name)),
    };
  return { files: set === 'all' ? files : [...files, large], results: specialResults };
}

/** Few enough rejects for a stack of some hundred files, one a reason. None depends on who runs the engine. */
const few: ReadonlySet<string> = new Set([
  'name-nfc',
  'name-nfd',
  'name-newline',
  'name-header',
  'name-255-bytes',
  'no-row-cp949',
  'no-row-plain',
  'empty',
  'same-1',
  'same-2',
  'text-cp949',
  'lies-png-as-pdf',
  'link-target',
  'link-relative',
  'hard-link-1',
  'hard-link-2',
  'path-absolute',
  'outside-link',
  'file-gone',
  'folder',
  'size-too-large',
  'created-infinite',
  'result-null',
  'result-of-no-file',
]);
