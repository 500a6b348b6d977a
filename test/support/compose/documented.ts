import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/base/package-root.js';

const page = readFileSync(join(packageRoot(), 'docs/containers.md'), 'utf8');
const blocks = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block.trim().split('\n'));

/** The one command of docs/containers.md that begins so. */
function documented(beginning: string): string {
  const found = blocks.flat().filter((line) => line.startsWith(beginning));
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(`${found.length} commands of the page begin with: ${beginning}`);
  return found[0];
}

/** The block of commands that has this one, for a shell. */
export function documentedBlock(beginning: string): string {
  const line = documented(beginning);
  return blocks.find((block) => block.includes(line))?.join('\n') ?? '';
}

/** The words of the command that begins so, as a shell splits them. */
export function documentedWords(beginning: string): readonly string[] {
  const words =
    documented(beginning)
      .replace(/ +#.*$/, '')
      .match(/'[^']*'|"[^"]*"|\S+/g) ?? [];
  return words.map((word) => word.replace(/^(['"])(.*)\1$/s, '$2'));
}
