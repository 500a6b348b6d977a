import readWorkbook from 'read-excel-file/universal';
import type { DocumentLimits } from '../document-limits.js';
import { libraryVersion } from './library-version.js';
import { type ReadableDocument, readAlready } from './readable-document.js';
import { Refused } from './refused.js';

/** The sheets of a workbook, each a page; numbers with all digits that are stored, dates in ISO form, formulas as their results. */
export async function openXlsxTables(content: Buffer, limits: DocumentLimits): Promise<ReadableDocument> {
  const sheets = await readWorkbook(new Blob([new Uint8Array(content)]), { parseNumber: (digits: string) => digits });
  if (sheets.length > limits.maxPages) throw new Refused('too_many_pages');
  return readAlready(
    libraryVersion('read-excel-file'),
    sheets.map(({ sheet, data }) => ({ tables: [{ name: sheet, rows: data.map(rowOf) }] })),
  );
}

function rowOf(cells: readonly unknown[]): readonly string[] {
  const row = cells.map(textOf);
  while (row.at(-1) === '') row.pop();
  return row;
}

function textOf(cell: unknown): string {
  if (cell === null) return '';
  return cell instanceof Date ? cell.toISOString() : String(cell);
}
