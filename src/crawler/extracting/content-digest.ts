import { createHash } from 'node:crypto';

/** SHA-256 of the texts of a page by field, in hexadecimal: equal for equal content, whatever the order of the fields. */
export function contentDigest(fields: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(fields).sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}
