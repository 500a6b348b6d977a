import contentDisposition from 'content-disposition';

/**
 * The header `Content-Disposition` with which a file is saved under the last name of its path, never shown. Control characters, and those
 * that change the direction of the text after them, become `_`: a person sees the name that is saved.
 */
export function dispositionOf(path: string): string {
  const name = path
    .slice(path.lastIndexOf('/') + 1)
    .replaceAll(/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\\/]/gu, '_');
  return contentDisposition(name === '' ? 'file' : name, { type: 'attachment' });
}
