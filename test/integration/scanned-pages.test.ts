import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { characterErrorRate, maxCharacterErrorRate } from '../../legacy/scanned-pages/character-errors.js';
import { committedSeed, makePages } from '../../legacy/scanned-pages/make-pages.js';
import { packageRoot } from '../../src/base/package-root.js';
import { DocumentPool } from '../../src/documents/document-pool.js';

const folder = join(packageRoot(), 'legacy', 'scanned-pages', 'pages');
const made = makePages(committedSeed);
let pool: DocumentPool;
beforeAll(() => {
  pool = new DocumentPool({ processes: 2 });
});
afterAll(() => pool.close());

async function errorRateOf(file: string, truth: string): Promise<number> {
  const document = await pool.open(file, 'ocr');
  const content = await document.readPage(1);
  await document.close();
  return characterErrorRate('text' in content ? content.text : '', truth);
}

async function levelsOf(jpeg: Buffer): Promise<Uint8ClampedArray> {
  const image = await loadImage(jpeg);
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height).data;
}

describe('a scanned page', () => {
  test.each(made)('$name has many characters, few pixels, lines that are not level, and noise', (page) => {
    expect([...page.text.replaceAll(/\s/g, '')].length).toBeGreaterThanOrEqual(400);
    expect(page.look.dotsPerInch).toBeLessThanOrEqual(200);
    expect(Math.abs(page.faults.skewDegrees)).toBeGreaterThanOrEqual(1.5);
    expect(page.faults.noise).toBeGreaterThanOrEqual(12);
  });

  // Other processors may round a level otherwise.
  test.each(made)('$name is what its seed makes', async ({ name, text, jpeg }) => {
    expect(readFileSync(join(folder, `${name}.txt`), 'utf8')).toBe(text);
    const [committed, again] = await Promise.all([readFileSync(join(folder, `${name}.jpg`)), jpeg].map(levelsOf));
    expect(committed).toHaveLength(again?.length ?? 0);
    const difference = committed?.reduce((sum, level, at) => sum + Math.abs(level - (again?.[at] ?? 0)), 0) ?? 0;
    expect(difference / (committed?.length ?? 0)).toBeLessThan(1);
  });

  test.each(made)('$name is read with few wrong characters', async ({ name }) => {
    const truth = readFileSync(join(folder, `${name}.txt`), 'utf8');
    expect(await errorRateOf(join(folder, `${name}.jpg`), truth)).toBeLessThanOrEqual(maxCharacterErrorRate);
  });

  // All ten of any seed are read by `npm run pages:read -- --seed N`.
  test('of another seed is read as well', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'scanned-pages-'));
    try {
      for (const { name, text, jpeg } of makePages(21).filter(({ name }) => /-1$/.test(name))) {
        expect(made.map((page) => page.text)).not.toContain(text);
        writeFileSync(join(scratch, name), jpeg);
        expect(await errorRateOf(join(scratch, name), text)).toBeLessThanOrEqual(maxCharacterErrorRate);
      }
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
});

test.each([
  ['한글', '한글', 0],
  ['한글'.normalize('NFD'), '한글', 0],
  ['한 글\n날 ', ' 한\n글 날', 0],
  ['한굴', '한글', 0.5],
  ['', '한글', 1],
  ['가나다라', '나다', 1],
  ['kitten', 'sitting', 3 / 7],
])('the error rate of %j for %j is %d', (read, truth, rate) => {
  expect(characterErrorRate(read, truth)).toBeCloseTo(rate, 10);
});
