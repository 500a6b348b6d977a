import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { docx } from '../../legacy/paperwork/documents/docx.js';
import { pdf } from '../../legacy/paperwork/documents/pdf.js';
import { makePages } from '../../legacy/scanned-pages/make-pages.js';
import { DocumentPool } from '../../src/documents/document-pool.js';
import type { ReadingKind } from '../../src/documents/page-content.js';

/** The largest resident size of all processes of the pool together, in each tenth of the documents. */
export interface MemoryFigures {
  readonly documents: number;
  readonly processes: number;
  readonly peakBytes: readonly number[];
}

const processes = 2;
const parts = 10;
/** One document of ten is a scan; the others take no time, and as much of what libraries keep. */
const scanEvery = 10;
const sampleMillis = 100;

/** Reads many documents of three formats, scans among them, two at a time. */
export async function measureMemory(folder: string, documents: number): Promise<MemoryFigures> {
  const files = writeFiles(folder);
  const pool = new DocumentPool({ processes });
  let peak = 0;
  const sampling = setInterval(() => {
    peak = Math.max(peak, pool.residentBytes());
  }, sampleMillis);
  try {
    const peakBytes: number[] = [];
    let next = 0;
    for (let part = 1; part <= parts; part++) {
      peak = 0;
      const end = Math.round((documents * part) / parts);
      const reader = async () => {
        for (let index = next++; index < end; index = next++) await readWhole(pool, files, index);
      };
      await Promise.all(Array.from({ length: processes }, reader));
      next = end;
      peakBytes.push(Math.max(peak, pool.residentBytes()));
    }
    return { documents, processes, peakBytes };
  } finally {
    clearInterval(sampling);
    await pool.close();
  }
}

type Files = Readonly<Record<'scan' | 'pdf' | 'docx', string>>;

function writeFiles(folder: string): Files {
  const lines = Array.from({ length: 200 }, (_, line) => `${line}줄 보관 기간이 끝난 서류는 폐기합니다.`).join('\n');
  const contents = {
    scan: makePages(1)[0]?.jpeg ?? '',
    pdf: pdf(Array<string>(20).fill(lines), '규정'),
    docx: docx(lines),
  };
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content);
  return { scan: join(folder, 'scan'), pdf: join(folder, 'pdf'), docx: join(folder, 'docx') };
}

async function readWhole(pool: DocumentPool, files: Files, index: number): Promise<void> {
  const [file, reading]: [string, ReadingKind] =
    index % scanEvery === 0 ? [files.scan, 'ocr'] : [index % 2 === 0 ? files.docx : files.pdf, 'text'];
  const document = await pool.open(file, reading);
  for (let page = 1; page <= document.pages; page++) await document.readPage(page);
  await document.close();
}
