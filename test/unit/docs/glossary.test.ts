import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const entries = readFileSync('docs/glossary.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('- '));
const source = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join('src', file), 'utf8'))
  .join('\n');
const words = new Set(source.match(/\w+/g));

test('every name in backticks of the glossary is one of the source', () => {
  const names = entries.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => !(name.match(/\w+/g) ?? []).every((word) => words.has(word)))).toEqual([]);
});

test('every entry of the glossary is a term, its meaning, and the standard term for it', () => {
  expect(entries.filter((line) => !/^- \*\*.+\*\*.*: .+\. Standard term: .+\.$/.test(line))).toEqual([]);
});

test('no term of the glossary is explained twice', () => {
  const terms = entries.map((line) => /^- \*\*(.+?)\*\*/.exec(line)?.[1]);
  expect(terms.filter((term, place) => terms.indexOf(term) !== place)).toEqual([]);
});
