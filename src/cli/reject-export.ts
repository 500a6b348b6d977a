import { extname } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import { Failure } from '../base/failures.js';
import { jsonLine, plain } from './output.js';
import type { ListedReject } from './reject-pages.js';
import { writeWholeFile } from './whole-file.js';

export const exportFormats = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof exportFormats)[number];

const extensions: Readonly<Record<string, ExportFormat>> = { '.csv': 'csv', '.jsonl': 'jsonl', '.ndjson': 'jsonl' };

/** The format of a file by its name; throws `invalid_input` for a name that says none. */
export function formatOf(file: string): ExportFormat {
  const format = extensions[extname(file).toLowerCase()];
  if (format !== undefined) return format;
  throw new Failure('invalid_input', `The name ${file} does not say the format of the export.`, {
    hint: 'End it in .csv or .jsonl, or add --format csv or --format jsonl.',
  });
}

/** Writes rejects into a file that its owner alone can read, all of them or no file; returns how many. */
export async function exportRejects(
  rejects: AsyncIterable<ListedReject>,
  file: string,
  { format, overwrite }: { readonly format: ExportFormat; readonly overwrite: boolean },
): Promise<number> {
  let count = 0;
  const counted = async function* () {
    for await (const reject of rejects) {
      count++;
      yield reject;
    }
  };
  const text = format === 'csv' ? csvOf(counted()) : Readable.from(linesOf(counted()));
  await writeWholeFile(file, text, overwrite);
  return count;
}

async function* linesOf(rejects: AsyncIterable<ListedReject>): AsyncGenerator<string> {
  for await (const reject of rejects) yield `${jsonLine(reject)}\n`;
}

const columns = [
  'table',
  'id',
  'reason',
  'detail',
  'children',
  'attempts',
  'resolution',
  'by',
  'why',
  'at',
  'contents',
] as const;

/**
 * RFC 4180 with a byte order mark, without which spreadsheets do not read Hangul. A text that a spreadsheet would take for a
 * formula begins with an apostrophe, also where the spreadsheet ends a cell at a semicolon, as in some countries.
 */
function csvOf(rejects: AsyncIterable<ListedReject>): Readable {
  const csv = stringify({
    bom: true,
    header: true,
    columns: [...columns],
    record_delimiter: 'windows',
    escape_formulas: true,
    quoted_string: true,
  });
  // An error of either ends both, and reaches whatever reads them.
  return pipeline(Readable.from(recordsOf(rejects)), csv, () => undefined);
}

async function* recordsOf(
  rejects: AsyncIterable<ListedReject>,
): AsyncGenerator<Readonly<Record<(typeof columns)[number], unknown>>> {
  for await (const reject of rejects) {
    const { table, id, reason, detail, attempts, resolution, by, why, at } = reject;
    const { text, children } = typeof detail === 'string' ? { text: detail, children: null } : detail;
    yield {
      table,
      // A number, so that one below zero is not taken for a formula.
      id: BigInt(id),
      reason,
      detail: cellText(text),
      children,
      attempts,
      resolution,
      by: by === null ? null : cellText(by),
      why: why === null ? null : cellText(why),
      at,
      // In JSON a semicolon is always inside a text, where it may be an escape.
      contents: 'payload' in reject ? jsonLine(reject.payload).replaceAll(';', '\\u003b') : null,
    };
  }
}

/** On one line and without white space at its ends, so that no part of it begins a row or hides how it begins. */
function cellText(text: string): string {
  const line = plain(text.replaceAll(/[\s\u0085]+/g, ' ')).trim();
  return line.replaceAll(/;[\s"]*(?=[=+\-@＝＋－＠])/g, "$&'");
}
