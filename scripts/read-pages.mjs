// Reads ten scanned pages of a seed by the pool of document processes, and says how many characters of each are wrong; ends with 1 where
// one has more than it may: npm run pages:read -- [--seed N]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';

const { values } = parseArgs({ options: { seed: { type: 'string' } } });
prepare();
const { characterErrorRate, committedSeed, makePages, maxCharacterErrorRate } = await import(
  '../dist/legacy/scanned-pages/index.js'
);
const { DocumentPool } = await import('../dist/src/documents/document-pool.js');

const folder = mkdtempSync(join(tmpdir(), 'cubeshift-pages-'));
const pool = new DocumentPool({ processes: 2 });
try {
  const pages = makePages(Number(values.seed ?? committedSeed));
  const rates = await Promise.all(pages.map(errorRateOf));
  for (const [index, { name, look, faults }] of pages.entries()) {
    const made = `${look.font} ${look.points} pt, ${look.dotsPerInch} dpi, ${faults.skewDegrees.toFixed(1)}°, noise ${faults.noise.toFixed(0)}`;
    process.stdout.write(`${name}  ${(100 * rates[index]).toFixed(2).padStart(5)} %  ${made}\n`);
  }
  process.exitCode = rates.every((rate) => rate <= maxCharacterErrorRate) ? 0 : 1;
} finally {
  await pool.close();
  rmSync(folder, { recursive: true });
}

async function errorRateOf({ name, text, jpeg }) {
  const file = join(folder, name);
  writeFileSync(file, jpeg);
  const document = await pool.open(file, 'ocr');
  const read = await document.readPage(1);
  await document.close();
  return characterErrorRate(read.text, text);
}
