import { createHmac } from 'node:crypto';

/** An entry of the registry before it is signed, or without its signature. */
export type UnsignedEntry = Readonly<Record<string, string | number>>;

/**
 * The signature of an entry: HMAC-SHA256, in hexadecimal, over all its fields, with a key derived for this alone from the
 * secret of cube tokens. Fields are sorted by name, each name and value written as `LENGTH:BYTES,`, so that no part can run into
 * the next and a program in any language gets the same result.
 */
export function signEntry(secret: string, entry: UnsignedEntry): string {
  const key = createHmac('sha256', secret).update('cubeshift registry of instances').digest();
  const hash = createHmac('sha256', key);
  for (const name of Object.keys(entry).sort())
    for (const part of [name, String(entry[name])]) hash.update(`${Buffer.byteLength(part)}:${part},`);
  return hash.digest('hex');
}
