import type { Hash } from 'node:crypto';
import { Places } from '../../base/places.js';

/** A content up to this size is received and sent in one go. */
export const wholeBytes = 8 * 1024 * 1024;

const wholeAtOnce = 16;
const inPartsAtOnce = 4;

/**
 * How many contents may lie in the memory of a program on their way to a server: so many whole ones, and so many of which one part is sent
 * while the next is received. A content that turns out to be large waits with what it has of it, and none waits for the whole ones then.
 */
export class PartBuffers {
  private readonly whole = new Places(wholeAtOnce);
  private readonly inParts = new Places(inPartsAtOnce);

  withWhole<T>(work: () => Promise<T>): Promise<T> {
    return within(this.whole, work);
  }

  withParts<T>(work: () => Promise<T>): Promise<T> {
    return within(this.inParts, work);
  }
}

async function within<T>(places: Places, work: () => Promise<T>): Promise<T> {
  await places.enter();
  try {
    return await work();
  } finally {
    places.leave();
  }
}

/** A content joined to parts: each of `sizeOf` its index, but the last; none of an empty one. `hash` has what was given and no more. */
export async function* partsFrom(
  chunks: AsyncIterable<Buffer>,
  sizeOf: (index: number) => number,
  hash: Hash,
): AsyncGenerator<Buffer> {
  let part = Buffer.alloc(0);
  let filled = 0;
  let index = 0;
  for await (const chunk of chunks)
    for (let taken = 0; taken < chunk.length; ) {
      if (filled === 0) part = Buffer.allocUnsafeSlow(sizeOf(index));
      const copied = chunk.copy(part, filled, taken);
      hash.update(chunk.subarray(taken, taken + copied));
      [taken, filled] = [taken + copied, filled + copied];
      if (filled < part.length) continue;
      yield part;
      [filled, index] = [0, index + 1];
    }
  if (filled > 0) yield part.subarray(0, filled);
}
