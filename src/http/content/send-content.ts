import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ByteRange, readByteRange } from '../../domain/byte-range.js';
import { allowsRange, failsMatch, matchesNone } from './conditions.js';
import { dispositionOf } from './disposition.js';

/** A content that is open. */
export interface OpenContent {
  readonly size: number;
  /** Its strong entity tag, in quotes. */
  readonly tag: string;
  readonly mimeType: string;
  /** The path of its file, whose last name it is saved under. */
  readonly path: string;
  /** The bytes of a range: all of them, or its error. */
  read(range: ByteRange): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** What keeps a content from being sent; the service answers it as a problem. */
export type ContentRefusal = {
  readonly status: 412 | 416;
  readonly field: string;
  readonly detail: string;
};

/**
 * Answers `GET` and `HEAD` of a content: whole, one range, 304 to a client that has it; closes it when the answer has ended. Whatever the
 * content is, a browser saves it and runs nothing of it. An error in the middle ends the connection, so that no client takes a part for
 * the whole. Returns what it refuses, without an answer; else undefined, at once: a handler that waits for its reply waits for the last byte.
 */
export async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  content: OpenContent,
): Promise<ContentRefusal | undefined> {
  const { size, tag } = content;
  const {
    range: rangeHeader,
    'if-range': ifRange,
    'if-match': ifMatch,
    'if-none-match': ifNoneMatch,
  } = request.headers;
  if (failsMatch(ifMatch, tag)) {
    await content.close();
    return { status: 412, field: 'if-match', detail: 'The content is another one.' };
  }
  reply.headers({ etag: tag, 'cache-control': 'private, no-cache', 'accept-ranges': 'bytes' });
  if (matchesNone(ifNoneMatch, tag)) {
    await content.close();
    reply.code(304).send();
    return undefined;
  }
  const asked =
    request.method === 'GET' && allowsRange(textOf(ifRange), tag) ? readByteRange(rangeHeader, size) : 'everything';
  if (asked === 'unsatisfiable') {
    await content.close();
    reply.header('content-range', `bytes */${size}`);
    return { status: 416, field: 'range', detail: `The content has ${size} bytes.` };
  }
  const isPart = asked !== 'everything';
  const range = isPart ? asked : { start: 0, end: size - 1 };
  if (isPart) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${size}`);
  reply.headers({
    'content-type': content.mimeType,
    'content-length': range.end - range.start + 1,
    'content-disposition': dispositionOf(content.path),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  });
  if (request.method === 'HEAD' || size === 0) {
    await content.close();
    reply.send(null);
    return undefined;
  }
  const bytes = Readable.from(content.read(range), { objectMode: false, highWaterMark: 256 * 1024 });
  // Also where nothing of it was read, for a client that has gone.
  bytes.once('close', () => void content.close().catch(() => undefined));
  reply.send(bytes);
  return undefined;
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'object' ? header[0] : header;
}
