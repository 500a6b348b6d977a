import { createCanvas } from '@napi-rs/canvas';
import type { DocumentLimits } from '../document-limits.js';
import { libraryVersion } from './library-version.js';
import { noteDrawingErrors, openPdf, refusalOf } from './pdf-file.js';
import type { ReadableDocument } from './readable-document.js';
import { recognize, recognizerVersion } from './recognizer.js';
import { maxReadPixels } from './scanned-page.js';

/** Pages of A4 are drawn at this resolution, larger ones at less. */
const dotsPerInch = 200;
const pointsPerInch = 72;

/** The text of a PDF as a person sees it: every page is drawn and read as a picture. */
export async function openPdfScan(content: Buffer, limits: DocumentLimits): Promise<ReadableDocument> {
  const document = await openPdf(content, limits);
  let failure: unknown;
  noteDrawingErrors(document, (error) => {
    failure ??= error;
  });
  return {
    pages: document.numPages,
    madeBy: `${recognizerVersion()}; ${libraryVersion('pdfjs-dist')}`,
    readPage: async (number) => {
      failure = undefined;
      const page = await document.getPage(number);
      const { width, height } = page.getViewport({ scale: 1 });
      const scale = Math.min(dotsPerInch / pointsPerInch, Math.sqrt(maxReadPixels / (width * height)));
      const viewport = page.getViewport({ scale });
      const canvas = createCanvas(Math.ceil(viewport.width), Math.ceil(viewport.height));
      try {
        // The library draws on this canvas as on a browser's.
        await page.render({ canvas: canvas as never, viewport }).promise;
      } catch (error) {
        throw refusalOf(error);
      }
      page.cleanup();
      if (failure !== undefined) throw refusalOf(failure);
      return { text: await recognize(canvas) };
    },
    close: () => document.destroy(),
  };
}
