/** A path as the system has it, one character a byte: a link may lead to a name that is no text. */
export type Bytes = string;

export function bytesOf(path: Buffer): Bytes {
  return path.toString('latin1');
}

export function bufferOf(path: Bytes): Buffer {
  return Buffer.from(path, 'latin1');
}

/** Whether a real path lies below the folder's. */
export function isInside(root: Bytes, real: Bytes): boolean {
  return real.startsWith(root === '/' ? root : `${root}/`);
}
