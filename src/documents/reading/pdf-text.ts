import type { DocumentLimits } from '../document-limits.js';
import { libraryVersion } from './library-version.js';
import { openPdf } from './pdf-file.js';
import type { ReadableDocument } from './readable-document.js';

/** The text that a PDF has as text; a page that is a picture has none. */
export async function openPdfText(content: Buffer, limits: DocumentLimits): Promise<ReadableDocument> {
  const document = await openPdf(content, limits);
  return {
    pages: document.numPages,
    madeBy: libraryVersion('pdfjs-dist'),
    readPage: async (number) => {
      const page = await document.getPage(number);
      const { items } = await page.getTextContent();
      page.cleanup();
      return { text: items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('') };
    },
    close: () => document.destroy(),
  };
}
