import { headBytes } from './media-type.js';

/** Keeps the first bytes of a content that passes, for `mediaTypeOf`. */
export class ContentHead {
  private readonly chunks: Buffer[] = [];
  private size = 0;

  /** The same content. */
  async *of(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      if (this.size < headBytes) {
        // A copy: the chunk is part of a larger buffer, which would stay with it.
        const kept = Buffer.from(chunk.subarray(0, headBytes - this.size));
        this.chunks.push(kept);
        this.size += kept.length;
      }
      yield chunk;
    }
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** Reads the first bytes of a content of a size, for `mediaTypeOf`; `read` gives bytes from `start` to `end`, both included. */
export async function readHead(
  read: (range: { readonly start: number; readonly end: number }) => AsyncIterable<Buffer>,
  size: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  if (size === 0) return Buffer.alloc(0);
  for await (const chunk of read({ start: 0, end: Math.min(headBytes, size) - 1 })) chunks.push(chunk);
  return Buffer.concat(chunks);
}
