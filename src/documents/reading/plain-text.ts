import iconv from 'iconv-lite';
import type { DocumentLimits } from '../document-limits.js';
import { libraryVersion } from './library-version.js';
import { type ReadableDocument, readAlready } from './readable-document.js';
import { Refused } from './refused.js';

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

/** Bytes that are UTF-8 by chance are as good as none, and CP949, which includes EUC-KR, takes almost anything. */
function decode(content: Buffer): { readonly text: string; readonly encoding: string } {
  const marked = hasUtf16Mark(content) ? (content[0] === 0xff ? 'utf-16le' : 'utf-16be') : undefined;
  const encoding = marked ?? 'utf-8';
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(content), encoding };
  } catch {
    if (marked !== undefined) throw new Refused('text_unreadable');
  }
  // Of Node.js the decoder of this name knows EUC-KR alone, and takes the bytes of 똠 for two characters.
  const text = iconv.decode(content, 'cp949');
  if (text.includes('\ufffd')) throw new Refused('text_unreadable');
  return { text, encoding: `cp949 of ${libraryVersion('iconv-lite')}` };
}
