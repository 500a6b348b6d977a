// Makes ten scanned pages, each with its text: npm run pages:make -- [--seed N] [--out FOLDER]
// Without options it makes those that are committed, in legacy/scanned-pages/pages.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';

const { values } = parseArgs({ options: { seed: { type: 'string' }, out: { type: 'string' } } });
if (values.seed !== undefined && values.out === undefined)
  throw new Error('Pages of another seed go to a folder of their own: --out FOLDER.');
prepare();
const { committedSeed, makePages } = await import('../dist/legacy/scanned-pages/index.js');

const folder = values.out ?? join('legacy', 'scanned-pages', 'pages');
mkdirSync(folder, { recursive: true });
for (const { name, text, jpeg } of makePages(Number(values.seed ?? committedSeed))) {
  writeFileSync(join(folder, `${name}.jpg`), jpeg);
  writeFileSync(join(folder, `${name}.txt`), text);
}
process.stderr.write(`ten pages in ${folder}\n`);
