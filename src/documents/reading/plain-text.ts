import type { DocumentLimits } from '../document-limits.js';
import { type ReadableDocument, readAlready } from './readable-document.js';
import { Refused } from './refused.js';

/** In this order: bytes that are UTF-8 by chance are as good as none, and CP949 takes almost anything. It includes EUC-KR. */
const encodings = ['utf-8', 'euc-kr'] as const;

/** Text by its mark, else UTF-8, else CP949. A form feed ends a page. */
export function openPlainText(content: Buffer, limits: DocumentLimits): ReadableDocument {
  const { text, encoding } = decode(content);
  const pages = text.split('\f');
  if (pages.length > limits.maxPages) throw new Refused('too_many_pages');
  return readAlready(
    `Node.js ${process.versions.node}, ${encoding}`,
    pages.map((page) => ({ text: page })),
  );
}

export function hasUtf16Mark(content: Buffer): boolean {
  return ['fffe', 'feff'].includes(content.toString('hex', 0, 2));
}

/** Whether there is a byte that text in no encoding has, but that of UTF-16: a control character other than white space and escapes. */
export function hasControlCharacters(content: Buffer): boolean {
  return content.some((byte) => (byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte !== 0x1b) || byte === 0x7f);
}

function decode(content: Buffer): { readonly text: string; readonly encoding: string } {
  const candidates = hasUtf16Mark(content) ? [content[0] === 0xff ? 'utf-16le' : 'utf-16be'] : encodings;
  for (const encoding of candidates) {
    try {
      return { text: new TextDecoder(encoding, { fatal: true }).decode(content), encoding };
    } catch {
      // Not in this one.
    }
  }
  throw new Refused('text_unreadable');
}
