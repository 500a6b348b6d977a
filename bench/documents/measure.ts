import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/base/package-root.js';
import { DocumentPool } from '../../src/documents/document-pool.js';
import { type ReadingRun, sumOf } from './bare.js';
import { type MemoryFigures, measureMemory } from './memory.js';
import { type MeasuredDocument, makeScan, makeTextDocument } from './source.js';

const run = promisify(execFile);

export interface DocumentFigures {
  readonly rounds: number;
  readonly sets: readonly ReadingFigures[];
  readonly memory: MemoryFigures;
  readonly minutes: number;
}

/** Seconds a round. */
export interface ReadingFigures {
  readonly document: MeasuredDocument;
  readonly pool: readonly number[];
  readonly bare: readonly number[];
}

export interface DocumentOptions {
  readonly rounds: number;
  readonly pages: number;
  /** How many are read for the figures of memory. */
  readonly documents: number;
}

/** Reads each document by the pool and by the library alone, once a round; who begins turns from round to round. */
export async function measureDocuments(
  { rounds, pages, documents }: DocumentOptions,
  log: (text: string) => void,
): Promise<DocumentFigures> {
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-bench-'));
  try {
    log('making documents');
    const sets = [makeTextDocument(folder, pages), await makeScan(folder, pages)].map((document) => ({
      document,
      pool: [] as number[],
      bare: [] as number[],
    }));
    for (let round = 0; round < rounds; round++) {
      log(`round ${round + 1} of ${rounds}`);
      for (const { document, pool, bare } of sets) {
        const contenders = [() => readByPool(document), () => readByLibrary(document)];
        const runs = [];
        for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) runs.push(await contender());
        const [ours, theirs] = round % 2 === 0 ? runs : runs.toReversed();
        if (ours === undefined || theirs === undefined || ours.sum !== theirs.sum)
          throw new Error(`Pool and library read something else: ${document.name}.`);
        pool.push(ours.seconds);
        bare.push(theirs.seconds);
        log(`  ${document.name}: pool ${ours.seconds.toFixed(2)} s, library ${theirs.seconds.toFixed(2)} s`);
      }
    }
    log(`memory over ${documents} documents`);
    const memory = await measureMemory(folder, documents);
    return { rounds, sets, memory, minutes: (performance.now() - began) / 60_000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The process has been started and has read a page before the time begins, as those of a worker that is busy. */
async function readByPool({ file, reading }: MeasuredDocument): Promise<ReadingRun> {
  const pool = new DocumentPool({ processes: 1 });
  try {
    const first = await pool.open(file, reading);
    await first.readPage(1);
    await first.close();
    const began = performance.now();
    const document = await pool.open(file, reading);
    const texts: string[] = [];
    for (let page = 1; page <= document.pages; page++) {
      const content = await document.readPage(page);
      texts.push('text' in content ? content.text : '');
    }
    await document.close();
    return { seconds: (performance.now() - began) / 1000, sum: sumOf(texts) };
  } finally {
    await pool.close();
  }
}

async function readByLibrary({ bareSource, reading }: MeasuredDocument): Promise<ReadingRun> {
  const main = join(packageRoot(), 'dist', 'bench', 'main.js');
  const { stdout } = await run(process.execPath, [main, 'documents-bare', reading, bareSource]);
  return JSON.parse(stdout) as ReadingRun;
}
