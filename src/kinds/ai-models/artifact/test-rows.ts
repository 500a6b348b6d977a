import { createHash } from 'node:crypto';
import { artifactPathProblem } from '../../../domain/models/artifact-path.js';
import type { ModelMetrics } from '../../../domain/models/metrics.js';
import { noTestRow, readTestRow, type TestRow } from '../../../domain/models/test-set.js';
import { type LegacyFolder, readInside } from '../../../storage/inside-folder.js';

/** What a comparison holds in memory. Larger test sets are no evidence. */
const maxRows = 100_000;
const maxBytes = 64 * 1024 * 1024;

/** What keeps a test set from being evidence, in one sentence. */
export interface NoTestRows {
  readonly missing: string;
}

type DeclaredTestSet = Pick<ModelMetrics, 'testSet' | 'testSha256'>;

/** A model's held-out rows, if the file's sum is the declared one. */
export async function readTestRows(
  folder: LegacyFolder,
  declared: DeclaredTestSet,
): Promise<readonly TestRow[] | NoTestRows> {
  const read = await readLines(folder, declared, () => {
    const rows: TestRow[] = [];
    return {
      rows,
      take: (text, line) => {
        if (rows.length === maxRows) return `The test set has more than ${maxRows} rows.`;
        const row = readTestRow(text);
        if (row === undefined) return noTestRow(line);
        rows.push(row);
        return undefined;
      },
    };
  });
  return 'missing' in read ? read : read.rows;
}

export interface NamedRows {
  readonly first?: TestRow;
  readonly longest?: TestRow;
}

/** The first of them and the longest; neither where there are none to be read. All of the file is read, and none of the others kept. */
export async function readNamedRows(folder: LegacyFolder, declared: DeclaredTestSet): Promise<NamedRows> {
  const read = await readLines(folder, declared, () => {
    const named: { first?: TestRow; longest?: TestRow } = {};
    let length = 0;
    return {
      named,
      take: (text, line) => {
        if (text.length <= length) return undefined;
        const row = readTestRow(text);
        if (row === undefined) return noTestRow(line);
        length = text.length;
        named.first ??= row;
        named.longest = row;
        return undefined;
      },
    };
  });
  return 'missing' in read ? {} : read.named;
}

interface LineReader {
  /** Gets each line that is not empty, and its number from 1 on; returns what keeps the set from being evidence. */
  readonly take: (text: string, line: number) => string | undefined;
}

/** Reads the file from its start, again where it changed meanwhile: with another reader. */
async function readLines<Reader extends LineReader>(
  folder: LegacyFolder,
  { testSet, testSha256 }: DeclaredTestSet,
  begin: () => Reader,
): Promise<Reader | NoTestRows> {
  const problem = artifactPathProblem(testSet);
  if (problem !== undefined) return { missing: `The test set: ${problem}.` };
  const read = await readInside(folder, testSet, async (content) => {
    const reader = begin();
    const lines = new TestLines(reader.take);
    for await (const chunk of content) if (!lines.add(chunk)) break;
    return { reader, ...lines.end() };
  });
  if (read.kind !== 'read') return { missing: `The test set: ${read.detail}.` };
  const { reader, sha256, isTooLarge, wrong } = read.value;
  if (isTooLarge) return { missing: `The test set is larger than ${maxBytes} bytes.` };
  if (sha256 !== testSha256) return { missing: 'The test set has another SHA-256 than metrics.test_sha256.' };
  return wrong === undefined ? reader : { missing: wrong };
}

/** Lines as their bytes come: in memory is the one that is not over yet. Behind a wrong one they are hashed alone. */
class TestLines {
  private readonly hash = createHash('sha256');
  private begun: Buffer[] = [];
  private bytes = 0;
  private lines = 0;
  private wrong: string | undefined;

  constructor(private readonly take: LineReader['take']) {}

  /** False when the rest need not be read. */
  add(chunk: Buffer): boolean {
    this.hash.update(chunk);
    this.bytes += chunk.length;
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.line(chunk.subarray(start, end));
      start = end + 1;
    }
    if (this.wrong === undefined) this.begun.push(chunk.subarray(start));
    return this.bytes <= maxBytes;
  }

  end() {
    this.line(Buffer.alloc(0));
    return { sha256: this.hash.digest('hex'), isTooLarge: this.bytes > maxBytes, wrong: this.wrong };
  }

  private line(end: Buffer): void {
    this.lines++;
    if (this.wrong !== undefined) return;
    const text = Buffer.concat([...this.begun, end]).toString('utf8');
    this.begun = [];
    if (text.trim() !== '') this.wrong = this.take(text, this.lines);
  }
}

const newline = 0x0a;
