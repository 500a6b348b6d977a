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

  async function* counted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      onBytes();
      wireBytes += chunk.length;
      if (wireBytes > limits.wireBytes) throw beyond('as it comes', limits.wireBytes);
      yield chunk;
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
    const first = await firstChunk(body);
    if (first !== undefined) body.unshift(first);
    const unpacking = unpackingOf(encoding, first);
    if (unpacking === undefined) await pipeline(body, counted, collect);
    else await pipeline(body, counted, unpacking, collect);
  } catch (error) {
    if (!(error instanceof Enough)) throw isDamage(error) ? damaged(error) : error;
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

/** Undefined for an empty body. */
function firstChunk(body: Readable): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      body.off('readable', readable).off('error', failed).off('end', ended).off('close', ended);
      act();
    };
    const readable = () => {
      const chunk: Buffer | null = body.read();
      if (chunk !== null) settle(() => resolve(chunk));
    };
    const failed = (error: Error) => settle(() => reject(error));
    const ended = () => settle(() => resolve(undefined));
    body.on('readable', readable).on('error', failed).on('end', ended).on('close', ended);
  });
}

function isDamage(error: unknown): error is Error {
  return (
    error instanceof Error && 'code' in error && /^(Z_|ERR_BROTLI|ERR__ERROR|ERR_PADDING)/.test(String(error.code))
  );
}

function damaged(error: Error): PageFailure {
  return new PageFailure('response_damaged', `The response cannot be unpacked: ${error.message}.`);
}
