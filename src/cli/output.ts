import { toFailure } from '../base/failures.js';
import { type ExitCode, exitCodeOf } from './exit-codes.js';
import { failureLines } from './failure-lines.js';
import { systemFailure } from './system-failure.js';

/** Where a command writes: results to stdout, talk to stderr. */
export interface Output {
  /** The one document of a reading command. */
  json(document: unknown): void;
  /** One document of many, on a line of its own. */
  line(document: unknown): void;
  print(text: string): void;
  talk(text: string): void;
}

/** Everything that is shown goes through one of these: what it shows may come from a database, a server or a cube. */
export const output: Output = {
  json: (document) => void process.stdout.write(`${escaped(JSON.stringify(document, null, 2))}\n`),
  line: (document) => void process.stdout.write(`${escaped(JSON.stringify(document))}\n`),
  print: (text) => void process.stdout.write(`${plain(text)}\n`),
  talk: (text) => void process.stderr.write(`${plain(text)}\n`),
};

/**
 * Text without the characters that a terminal carries out instead of showing them: those of C0 but for the end of a line and
 * the tabulator, DEL and those of C1; and without those that turn the direction of writing.
 */
export function plain(text: string): string {
  return text.replaceAll(commands, '');
}

/** The same of JSON, where nothing may be lost: JSON itself escapes C0. */
function escaped(json: string): string {
  return json.replaceAll(commands, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const commands = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A table with aligned columns, the first row its head. */
export function table(given: readonly (readonly string[])[]): string {
  // A cell that held the end of a line could show a row that there is not.
  const rows = given.map((row) => row.map((cell) => plain(cell.replaceAll(/[\n\t]/g, ' '))));
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
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
