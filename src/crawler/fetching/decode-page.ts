import iconv from 'iconv-lite';

/** A `meta` names the encoding within the first kilobyte; pages of old sites put scripts before it. */
const searchedBytes = 4096;
const replacement = '\ufffd';

/** Names of the encoding of Windows for Korean, of which EUC-KR is a part, as pages write them. */
const korean = /^(euc-?kr|ks_?c_?5601.*|ksc?5601.*|korean|cp-?949|ms949|windows-?949|x-windows-949|uhc)$/;
/** Every byte is a letter of these: that a text can be read so says nothing. Servers send them as their default. */
const singleByte = /^(windows-125\d|iso-8859-\d+|us-ascii|macintosh)$/;

/**
 * The text of a page. A byte order mark decides; then UTF-8 where the bytes are that, whatever header and `meta` claim; then what they claim, where the bytes can be it; then
 * CP949, in which Korean pages were written before. Where no encoding fits every byte, that with the fewest that do not.
 */
export function decodePage(bytes: Uint8Array, contentType: string | undefined): string {
  const marked = markOf(bytes);
  if (marked !== undefined) return decode(bytes, marked);
  const claimed = [charsetIn(contentType ?? ''), charsetIn(headOf(bytes))].flatMap((label) => encodingOf(label));
  const asUtf8 = decode(bytes, 'utf-8');
  if (!asUtf8.includes(replacement) && !(claimed.includes('cp949') && hasNoHangul(asUtf8))) return asUtf8;
  const believed = claimed.filter((encoding) => !singleByte.test(encoding) && !encoding.startsWith('utf-16'));
  const readings = [...believed, 'cp949', 'utf-8'].map((encoding) => decode(bytes, encoding));
  const exact = readings.find((text) => !text.includes(replacement));
  if (exact !== undefined) return exact;
  const western = claimed.find((encoding) => singleByte.test(encoding));
  if (western !== undefined) return decode(bytes, western);
  return readings.reduce((best, text) => (count(text) < count(best) ? text : best));
}

function markOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : undefined;
}

function headOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, searchedBytes)).toString('latin1');
}

function charsetIn(text: string): string | undefined {
  return /charset\s*=\s*["']?([\w.:-]{2,40})/i.exec(text)?.[1]?.toLowerCase();
}

/** None for a name that no browser knows. */
function encodingOf(label: string | undefined): readonly string[] {
  if (label === undefined) return [];
  if (korean.test(label)) return ['cp949'];
  try {
    return [new TextDecoder(label).encoding];
  } catch {
    return [];
  }
}

/** Of Node.js the decoder for Korean knows EUC-KR alone, and takes the bytes of 똠 for two characters. */
function decode(bytes: Uint8Array, encoding: string): string {
  return encoding === 'cp949'
    ? iconv.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 'cp949')
    : new TextDecoder(encoding).decode(bytes);
}

/** Short texts in EUC-KR may happen to be UTF-8, of two bytes a letter; Hangul has three there. */
function hasNoHangul(text: string): boolean {
  return /[^\0-\x7f]/.test(text) && !/[\u0800-\uffff]/.test(text);
}

function count(text: string): number {
  return text.split(replacement).length;
}
