import { createHmac } from 'node:crypto';

/** An entry of the registry before it is signed, or without its signature. */
export type Unsigned = Readonly<Record<string, string | number>>;

/**
 * The signature of an entry: HMAC-SHA256, in hexadecimal, over every field of it, by a key that is made of the secret of cube
 * tokens for this alone. Fields go in the order of their names, each name and value as `LENGTH:BYTES,`, so that no part can
 * run into the next and a program in any language makes the same.
 */
export function signEntry(secret: string, entry: Unsigned): string {
  const key = createHmac('sha256', secret).update('cubeshift registry of instances').digest();
  const hash = createHmac('sha256', key);
  for (const name of Object.keys(entry).sort())
    for (const part of [name, String(entry[name])]) hash.update(`${Buffer.byteLength(part)}:${part},`);
  return hash.digest('hex');
}
