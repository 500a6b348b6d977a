import type { ByteRange } from '../domain/byte-range.js';

const chunkBytes = 256 * 1024;

interface Readable {
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number; buffer: Buffer }>;
}

/**
 * The bytes of a range of an open file, as far as it goes. The next of them are read while its user works on these; none is being read once
 * it ends, so that the file may be closed. Throws what `failureOf` makes of an error.
 */
export async function* readAhead(
  file: Readable,
  { start, end }: ByteRange,
  failureOf: (error: unknown) => unknown,
): AsyncGenerator<Buffer> {
  const readAt = async (position: number) => {
    const wanted = Math.min(chunkBytes, end + 1 - position);
    if (wanted <= 0) return undefined;
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
    return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
  };
  let next = readAt(start);
  try {
    for (let position = start; ; ) {
      const chunk = await next;
      if (chunk === undefined) return;
      position += chunk.length;
      next = readAt(position);
      // It is thrown where it is awaited, once its user wants it.
      next.catch(() => undefined);
      yield chunk;
    }
  } catch (error) {
    throw failureOf(error);
  } finally {
    await next.catch(() => undefined);
  }
}
