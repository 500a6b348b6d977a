import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';
import { stateFiles } from '../../../src/state/files.js';

const root = join(packageRoot(), 'src');
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));

/** Names without an ending are words that mean something else too. */
test.each(Object.values(stateFiles).filter((name) => name.includes('.')))('%s is named once', (name) => {
  const naming = sources.filter(({ text }) => new RegExp(`['"\`/]${name.replace('.', '\\.')}['"\`]`).test(text));
  expect(naming.map(({ file }) => file)).toEqual([join('state', 'files.ts')]);
});

test('no two files of the state folder have one name', () => {
  expect(new Set(Object.values(stateFiles)).size).toBe(Object.values(stateFiles).length);
});
