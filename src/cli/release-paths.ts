import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { Failure } from '../base/failures.js';

/** What follows an option's `=` may be a path as well. */
const optionWithValue = /^(--?[\w.-]+=)(.+)$/s;
/** How only the name of a file begins. */
const meansFile = /^\.{1,2}\/|\.(?:[cm]?[jt]s|py|sh|rb|jar|wasm)$/;

/**
 * A release's command line as the stack can run it, in another folder than its user's: whatever names a file of `folder` names it
 * from the root on. Throws `invalid_input` for what can only mean a file, and is none.
 */
export function withWholePaths(words: readonly string[], folder: string): readonly string[] {
  return words.map((word, place) => {
    const [, option = '', value = word] = optionWithValue.exec(word) ?? [];
    // A command without a slash is searched on the path, as a shell does.
    if (place === 0 && !value.includes('/')) return word;
    if (value.startsWith('-') || isAbsolute(value) || value.includes('://')) return word;
    const whole = resolve(folder, value);
    if (existsSync(whole)) return `${option}${whole}`;
    if (place === 0 || meansFile.test(value))
      throw new Failure('invalid_input', `There is no file ${value} in ${folder}.`, {
        hint: 'Give its absolute path: the stack runs in another folder.',
      });
    return word;
  });
}
