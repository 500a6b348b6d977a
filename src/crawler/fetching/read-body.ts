import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import type { FetchLimits } from './fetch-limits.js';
import { PageFailure } from './page-failure.js';

export interface ReadBody {
  readonly content: Buffer;
  /** As it came. */
  readonly wireBytes: number;
}

/** Ends reading where a response is cut. */
class Enough extends Error {}

/**
 * Reads a body and unpacks it as it comes, so that neither a long one nor a small one that unpacks to a long one takes more memory than its limits. `onBytes` is called with
 * each part. Throws `PageFailure`, and what the stream throws.
 */
export async function readBody(
  body: Readable,
  encoding: string,
  limits: FetchLimits,
  onBytes: () => void,
): Promise<ReadBody> {
  const chunks: Buffer[] = [];
  let wireBytes = 0;
  let size = 0;
  const beyond = (what: string, limit: number): Error =>
    limits.beyond === 'cut'
      ? new Enough()
      : new PageFailure('too_large', `The response is more than ${limit} bytes ${what}.`);

  const parts: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  async function* counted(first: IteratorResult<Buffer>): AsyncGenerator<Buffer> {
    for (let part = first; part.done !== true; part = await parts.next()) {
      onBytes();
      wireBytes += part.value.length;
      if (wireBytes > limits.wireBytes) throw beyond('as it comes', limits.wireBytes);
      yield part.value;
    }
  }
  async function collect(source: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of source) {
      chunks.push(chunk.subarray(0, limits.contentBytes - size));
      size += chunk.length;
      if (size > limits.contentBytes) throw beyond('unpacked', limits.contentBytes);
    }
  }

  try {
    const first = await parts.next();
    const unpacking = unpackingOf(encoding, first.done === true ? undefined : first.value);
    if (unpacking === undefined) await collect(counted(first));
    else await pipeline(counted(first), unpacking, collect);
  } catch (error) {
    if (!(error instanceof Enough)) throw isDamage(error) ? damaged(error) : error;
  } finally {
    // An error of what nobody reads any more must not end the program.
    body.on('error', () => undefined).destroy();
  }
  return { content: Buffer.concat(chunks), wireBytes };
}

/** Undefined for content that is not packed. */
function unpackingOf(encoding: string, first: Buffer | undefined): Transform | undefined {
  switch (encoding.trim().toLowerCase()) {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return first === undefined ? undefined : createGunzip();
    case 'deflate':
      // The standard means zlib's format; many servers send the bare one.
      return first === undefined ? undefined : ((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
    case 'br':
      return first === undefined ? undefined : createBrotliDecompress();
    default:
      throw new PageFailure(
        'response_damaged',
        `The response is packed as “${encoding.slice(0, 40)}”, which was not asked for.`,
      );
  }
}

function isDamage(error: unknown): error is Error {
  return (
    error instanceof Error && 'code' in error && /^(Z_|ERR_BROTLI|ERR__ERROR|ERR_PADDING)/.test(String(error.code))
  );
}

function damaged(error: Error): PageFailure {
  return new PageFailure('response_damaged', `The response cannot be unpacked: ${error.message}.`);
}
