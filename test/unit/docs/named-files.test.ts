import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Files that the page on a new cube has its reader write. */
const example = 'src/services/compatibility/';
const files = ['src', 'test', 'legacy', 'scripts', 'migrations', 'bench', 'demo', 'bin'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => `/${join(folder, file)}`),
);
const documents = ['README.md', 'README.ko.md', ...readdirSync('docs').map((name) => join('docs', name))].filter(
  (name) => name.endsWith('.md'),
);

test.each(documents)('%s names files that there are', (document) => {
  const named = [...readFileSync(document, 'utf8').matchAll(/`([\w./-]+\.(?:ts|mjs|sql))`/g)].map(
    ([, name = '']) => name,
  );
  const missing = named.filter((name) => !name.startsWith(example) && !files.some((file) => file.endsWith(`/${name}`)));
  expect(missing).toEqual([]);
});
