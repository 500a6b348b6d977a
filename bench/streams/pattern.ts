import { createHash } from 'node:crypto';

const blockBytes = 1024 * 1024;

/**
 * A content of so many bytes, of which nothing is kept: each block of a MiB begins with its number, so that one that is left out, sent twice
 * or out of its place changes the SHA-256 of the whole.
 */
export function* pattern(bytes: number): Generator<Buffer> {
  for (let at = 0, block = 0; at < bytes; at += blockBytes, block++) {
    const chunk = Buffer.alloc(Math.min(blockBytes, bytes - at), 'cubeshift ');
    chunk.writeUInt32BE(block, 0);
    yield chunk;
  }
}

export async function sumOf(chunks: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
