import type { PageContent } from '../page-content.js';

/** A document of one format, open in its process. What it throws besides `Refused` means that the document is damaged. */
export interface ReadableDocument {
  readonly pages: number;
  /** Library, version and data. */
  readonly madeBy: string;
  /** The first page is 1. */
  readPage(page: number): Promise<PageContent>;
  close(): Promise<void>;
}

/** A document that was read when it was opened. */
export function readAlready(madeBy: string, pages: readonly PageContent[]): ReadableDocument {
  return {
    pages: pages.length,
    madeBy,
    readPage: async (page) => {
      const content = pages[page - 1];
      if (content === undefined) throw new RangeError('There is no such page.');
      return content;
    },
    close: async () => undefined,
  };
}
