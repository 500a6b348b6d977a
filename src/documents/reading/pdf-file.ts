import { getDocument, type PDFDocumentProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { DocumentLimits } from '../document-limits.js';
import { libraryFolder } from './library-version.js';
import { Refused } from './refused.js';

/** How far from its end a PDF says that it ends. */
const tailBytes = 8192;

/**
 * Opens a PDF. Its scripts are not run and its links and forms not followed; fonts and tables of characters come out of the library's
 * package. What of it is damaged is refused rather than left out.
 */
export async function openPdf(content: Buffer, limits: DocumentLimits): Promise<PDFDocumentProxy> {
  // One that was cut off is otherwise read as far as it goes, and pages would be missing.
  if (!content.subarray(-tailBytes).includes('%%EOF')) throw new Refused('document_damaged');
  const folder = libraryFolder('pdfjs-dist');
  let document: PDFDocumentProxy;
  try {
    document = await getDocument({
      data: new Uint8Array(content),
      cMapUrl: `${folder}/cmaps/`,
      standardFontDataUrl: `${folder}/standard_fonts/`,
      wasmUrl: `${folder}/wasm/`,
      iccUrl: `${folder}/iccs/`,
      isEvalSupported: false,
      useSystemFonts: false,
      disableFontFace: true,
      stopAtErrors: true,
      maxImageSize: limits.maxImagePixels,
      canvasMaxAreaInBytes: 4 * limits.maxImagePixels,
      verbosity: 0,
    }).promise;
  } catch (error) {
    // The library declares no type of it.
    throw error instanceof Error && error.name === 'PasswordException' ? new Refused('password_protected') : error;
  }
  if (document.numPages > limits.maxPages) {
    await document.destroy();
    throw new Refused('too_many_pages');
  }
  return document;
}

/** The library's own stream of what a page draws. It is no part of its interface, hence the test that depends on it. */
interface DrawingStreams {
  readonly _transport: {
    readonly messageHandler: { sendWithStream(name: string, ...rest: readonly unknown[]): ReadableStream };
  };
}

/** Calls `note` with each error that ends a page early: the library draws what came before it, and reports success. */
export function noteDrawingErrors(document: PDFDocumentProxy, note: (error: unknown) => void): void {
  const { messageHandler } = (document as unknown as DrawingStreams)._transport;
  const send = messageHandler.sendWithStream.bind(messageHandler);
  messageHandler.sendWithStream = (name, ...rest) => {
    const stream = send(name, ...rest);
    if (name !== 'GetOperatorList') return stream;
    const reader = stream.getReader();
    reader.closed.catch(note);
    stream.getReader = (() => reader) as typeof stream.getReader;
    return stream;
  };
}

/** What an error of the library means; it has no type for an image that is too large. */
export function refusalOf(error: unknown): unknown {
  return error instanceof Error && error.message.includes('Image exceeded maximum allowed size')
    ? new Refused('image_too_large')
    : error;
}
