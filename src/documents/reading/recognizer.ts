import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Canvas, Image } from '@napi-rs/canvas';
import { createWorker, OEM, type Worker } from 'tesseract.js';
import { libraryFolder, libraryVersion } from './library-version.js';
import { hasDoubtfulWords, linesOf, preferHangul, type RecognizedLine, textOfLines } from './recognized-words.js';
import { preparePage } from './scanned-page.js';

const languages = ['kor', 'eng'];
const data = '4.0.0_best_int';

/** What made a text, with its data. */
export function recognizerVersion(): string {
  return `${libraryVersion('tesseract.js')}, ${languages.join('+')} ${data}`;
}

/** Reads a picture, Korean and English, as lines over its whole width. A picture without text has the text ''. */
export function recognize(picture: Canvas | Image, orientation?: number): Promise<string> {
  return recognizePrepared(preparePage(picture, orientation).toBuffer('image/png'));
}

/** Reads a page as `preparePage` made it. */
export async function recognizePrepared(page: Buffer): Promise<string> {
  bothLanguages ??= start(languages);
  const lines = await readLines(await bothLanguages, page);
  if (!hasDoubtfulWords(lines)) return textOfLines(lines);
  koreanAlone ??= start(['kor']);
  return textOfLines(preferHangul(lines, await readLines(await koreanAlone, page)));
}

let bothLanguages: Promise<Worker> | undefined;
let koreanAlone: Promise<Worker> | undefined;

async function readLines(worker: Worker, page: Buffer): Promise<readonly RecognizedLine[]> {
  const { data } = await worker.recognize(page, {}, { text: false, blocks: true });
  return linesOf(data);
}

/** The library takes its data out of one folder, or downloads it; each language is a package of its own. */
async function start(languages: string[]): Promise<Worker> {
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-languages-'));
  try {
    for (const language of languages) {
      const file = `${language}.traineddata.gz`;
      symlinkSync(join(libraryFolder(`@tesseract.js-data/${language}`), data, file), join(folder, file));
    }
    return await createWorker(languages, OEM.LSTM_ONLY, { langPath: folder, cacheMethod: 'none' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
