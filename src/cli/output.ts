import { toFailure } from '../base/failures.js';
import { type ExitCode, exitCodeOf } from './exit-codes.js';
import { failureLines } from './failure-lines.js';
import { oneLine } from './one-line.js';
import { systemFailure } from './system-failure.js';
import { padded, widthOf, wrapped } from './text-width.js';
import { asTyped } from './typed-command.js';

/** Where a command writes: results to stdout, talk to stderr. */
export interface Output {
  /** The one document of a reading command. */
  json(document: unknown): void;
  /** One document of many, on a line of its own. */
  line(document: unknown): void;
  print(text: string): void;
  /** What another program reads or wrote: no word of it is changed. */
  copy(text: string): void;
  talk(text: string): void;
  /** Columns of the terminal that results go to; undefined where they go elsewhere. */
  readonly columns?: number | undefined;
}

/**
 * Everything that is shown goes through one of these: what it shows may come from a database, a server or a cube. What a person
 * reads names commands as they are typed here; documents are as they are.
 */
export const output: Output = {
  json: (document) => void process.stdout.write(`${escaped(JSON.stringify(document, null, 2))}\n`),
  line: (document) => void process.stdout.write(`${jsonLine(document)}\n`),
  print: (text) => void process.stdout.write(`${plain(asTyped(text))}\n`),
  copy: (text) => void process.stdout.write(`${plain(text)}\n`),
  talk: (text) => void process.stderr.write(`${plain(asTyped(text))}\n`),
  get columns() {
    return process.stdout.isTTY ? process.stdout.columns : undefined;
  },
};

/**
 * Text without the characters that a terminal carries out instead of showing them: those of C0 but for the end of a line and
 * the tabulator, DEL and those of C1; and without those that turn the direction of writing.
 */
export function plain(text: string): string {
  return text.replaceAll(commands, '');
}

/** A value as JSON on one line, which shows every character and loses none. */
export function jsonLine(value: unknown): string {
  return escaped(JSON.stringify(value));
}

/** The same of JSON, where nothing may be lost: JSON itself escapes C0. */
function escaped(json: string): string {
  return json.replaceAll(commands, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const gap = '  ';
/** A last column with less room than this is not wrapped: it would be a tower of syllables. */
const minWrapped = 20;

const commands = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A table with aligned columns, the first row its head. Where it is wider than `columns` of a terminal, the texts of the last
 * column go on below themselves.
 */
export function table(given: readonly (readonly string[])[], columns?: number): string {
  // A cell that held the end of a line could show a row that there is not.
  const rows = given.map((row) => row.map((cell) => plain(oneLine(cell))));
  const widths =
    rows[0]?.map((_, column) => rows.reduce((max, row) => Math.max(max, widthOf(row[column] ?? '')), 0)) ?? [];
  const indent = widths.slice(0, -1).reduce((sum, width) => sum + width + gap.length, 0);
  const room = columns === undefined || columns - indent < minWrapped ? Number.POSITIVE_INFINITY : columns - indent;
  return rows
    .flatMap((row) => {
      const lines = wrapped(row.at(-1) ?? '', room);
      const first = row.slice(0, -1).map((cell, column) => padded(cell, widths[column] ?? 0));
      return lines.map((line, place) =>
        (place === 0 ? [...first, line].join(gap) : ' '.repeat(indent) + line).trimEnd(),
      );
    })
    .join('\n');
}

/**
 * Runs a command's work and sets the exit code: what it returns, or that of the failure it threw, which is printed as
 * `failureLines` says.
 */
export async function conclude(work: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    const failure = toFailure(error, systemFailure);
    for (const line of failureLines(failure)) output.talk(line);
    process.exitCode = exitCodeOf(failure.type);
  }
}
