/** Bytes from `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a header `Range` asks for of a content (RFC 9110, 14.1.2). Everything where it is no range of bytes, or several: a server may
 * ignore those. `unsatisfiable` where nothing of the content lies in it.
 */
export function readByteRange(header: string | undefined, size: number): ByteRange | 'everything' | 'unsatisfiable' {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return 'everything';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  if (last !== '' && BigInt(last) < BigInt(first)) return 'everything';
  if (Number(first) >= size) return 'unsatisfiable';
  return { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}
