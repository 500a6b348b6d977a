import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { libraryFolder } from '../../src/documents/reading/library-version.js';
import { recognizePrepared } from '../../src/documents/reading/recognizer.js';

/** What a run took, and the hash of all it read. */
export interface ReadingRun {
  readonly seconds: number;
  readonly sum: string;
}

/** The library in a plain loop, in a process of its own. It has been loaded and has read a page before the time begins. */
export async function readBare(reading: string, source: string): Promise<ReadingRun> {
  const read = reading === 'text' ? readPdf : readPictures;
  await read(source, 1);
  const began = performance.now();
  const texts = await read(source, Number.POSITIVE_INFINITY);
  return { seconds: (performance.now() - began) / 1000, sum: sumOf(texts) };
}

export function sumOf(texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\f')).digest('hex');
}

async function readPdf(file: string, maxPages: number): Promise<readonly string[]> {
  const folder = libraryFolder('pdfjs-dist');
  const document = await getDocument({
    data: new Uint8Array(readFileSync(file)),
    cMapUrl: `${folder}/cmaps/`,
    standardFontDataUrl: `${folder}/standard_fonts/`,
    verbosity: 0,
  }).promise;
  const texts: string[] = [];
  for (let number = 1; number <= Math.min(document.numPages, maxPages); number++) {
    const page = await document.getPage(number);
    const { items } = await page.getTextContent();
    texts.push(items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join(''));
    page.cleanup();
  }
  await document.destroy();
  return texts;
}

/** Pages that are ready; what made them so is not in its time. */
async function readPictures(folder: string, maxPages: number): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const name of readdirSync(folder).sort().slice(0, maxPages))
    texts.push(await recognizePrepared(readFileSync(join(folder, name))));
  return texts;
}
