import type { ProcessKind } from '../domain/paperwork/process.js';

/** How a document can be read; documents are classified by what was read. */
export type ReadingKind = Exclude<ProcessKind, 'classify'>;

/** Rows of cells as text; every row has all cells up to the last one that is not empty. */
export interface DocumentTable {
  /** The name of its sheet; null where it has none. */
  readonly name: string | null;
  readonly rows: readonly (readonly string[])[];
}

/**
 * What was read of one page, `tables` for that kind and `text` for the others. Hangul is in NFC, and no text has a NUL or half a
 * surrogate pair, which JSON of PostgreSQL cannot hold.
 */
export type PageContent = { readonly text: string } | { readonly tables: readonly DocumentTable[] };
