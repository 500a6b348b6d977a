import { failureRule, toFailure } from '../failures.js';
import { type ExitCode, exitCodeOf } from './exit-codes.js';

/** Where a command writes: results to stdout, talk to stderr. */
export interface Output {
  /** The one document of a reading command. */
  json(document: unknown): void;
  print(text: string): void;
  talk(text: string): void;
}

export const output: Output = {
  json: (document) => void process.stdout.write(`${JSON.stringify(document, null, 2)}\n`),
  print: (text) => void process.stdout.write(`${text}\n`),
  talk: (text) => void process.stderr.write(`${text}\n`),
};

/** A table with aligned columns, the first row its head. */
export function table(rows: readonly (readonly string[])[]): string {
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
 * Runs a command's work and sets the exit code: what it returns, or that of the failure it threw, told in one sentence
 * with what to do next.
 */
export async function conclude(work: () => Promise<ExitCode>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    const failure = toFailure(error);
    output.talk(failure.message);
    output.talk(failure.hint === '' ? failureRule(failure.type).hint : failure.hint);
    process.exitCode = exitCodeOf(failure.type);
  }
}
