import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { pdf } from '../../legacy/paperwork/documents/pdf.js';
import { type GreyPage, greyTiff } from '../../legacy/scanned-pages/grey-tiff.js';
import { makePages } from '../../legacy/scanned-pages/make-pages.js';
import { canvasOf } from '../../src/documents/reading/grey-picture.js';
import { preparePage } from '../../src/documents/reading/scanned-page.js';

export interface MeasuredDocument {
  readonly name: string;
  readonly reading: 'text' | 'ocr';
  /** What the pool reads. */
  readonly file: string;
  /** What the library alone reads: the same file, or a folder of pages that are ready for recognition, `001.png` and so on. */
  readonly bareSource: string;
}

/** Text is read so much faster that its document has more pages. */
const textPagesPerScan = 20;

/** A PDF of many pages, each full of lines in Korean. */
export function makeTextDocument(folder: string, scans: number): MeasuredDocument {
  const pages = scans * textPagesPerScan;
  const linesOf = (page: number) =>
    Array.from({ length: 40 }, (_, line) => `${page}쪽 ${line}줄 보관 기간이 끝난 서류는 함께 확인한 다음 폐기합니다.`);
  const file = join(folder, 'text.pdf');
  const texts = Array.from({ length: pages }, (_, page) => linesOf(page + 1).join('\n'));
  writeFileSync(file, pdf(texts, '보관 규정'));
  return { name: `text of a PDF of ${pages} pages`, reading: 'text', file, bareSource: file };
}

/** A TIFF of scanned pages, six in Korean to four in English. */
export async function makeScan(folder: string, pages: number): Promise<MeasuredDocument> {
  const ready = join(folder, 'ready');
  mkdirSync(ready);
  const scans: GreyPage[] = [];
  for (let seed = 1; scans.length < pages; seed++) {
    for (const { jpeg } of makePages(seed).slice(0, pages - scans.length)) {
      const scan = await greyPageOf(jpeg);
      scans.push(scan);
      const name = `${String(scans.length).padStart(3, '0')}.png`;
      writeFileSync(join(ready, name), preparePage(canvasOf(scan)).toBuffer('image/png'));
    }
  }
  const file = join(folder, 'scan.tiff');
  writeFileSync(file, greyTiff(scans));
  return { name: `recognition of a TIFF of ${pages} pages`, reading: 'ocr', file, bareSource: ready };
}

async function greyPageOf(jpeg: Buffer): Promise<GreyPage> {
  const image = await loadImage(jpeg);
  const { width, height } = image;
  const context = createCanvas(width, height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, levels: Uint8Array.from({ length: width * height }, (_, at) => data[4 * at] ?? 0) };
}
