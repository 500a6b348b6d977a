import type { PageContent } from '../page-content.js';

/** As `PageContent` promises it: composed Hangul, and only what JSON of PostgreSQL can hold. */
export function cleanContent(content: PageContent): PageContent {
  if ('text' in content) return { text: cleanText(content.text) };
  return {
    tables: content.tables.map(({ name, rows }) => ({
      name: name === null ? null : cleanText(name),
      rows: rows.map((row) => row.map(cleanText)),
    })),
  };
}

/** In UTF-16 units, counting one for each cell. */
export function contentLength(content: PageContent): number {
  if ('text' in content) return content.text.length;
  let length = 0;
  for (const { rows } of content.tables) for (const row of rows) for (const cell of row) length += cell.length + 1;
  return length;
}

function cleanText(text: string): string {
  // Half a surrogate pair does not survive UTF-8.
  return Buffer.from(text.normalize('NFC').replaceAll('\0', '')).toString();
}
