import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { AdmittedRequest } from './admission.js';

/** Why a body did not arrive completely. */
type BodyFault = 'too_large' | 'broken_off';

/**
 * Buffers a small body completely, for routes that inspect it, and so that slow clients do not occupy an upstream. Calls back
 * with the body, with a stream of a larger one that continues after the buffered part, or with a fault.
 */
function bufferBody(
  req: IncomingMessage,
  sizes: { readonly whole: number; readonly max: number },
  done: (body: Buffer | RequestBody | BodyFault) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const settle = (outcome: Buffer | RequestBody | BodyFault) => {
    req.off('data', onData).off('end', onEnd).off('close', onClose);
    done(outcome);
  };
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > sizes.max) settle('too_large');
    else if (bytes > sizes.whole) {
      req.pause();
      settle(new RequestBody(req, sizes.max, chunks));
    }
  };
  const onEnd = () => settle(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks));
  const onClose = () => settle('broken_off');
  req.on('data', onData).on('end', onEnd).on('close', onClose);
}

/** A body over its limit; the upstream never gets its end. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/**
 * The body of a request as a separate stream: destroying it early, as for an upstream that answers before it has read
 * everything, must not close the client's connection.
 */
export class RequestBody extends Readable {
  private bytes = 0;
  private started = false;
  /** Whether the upstream has not taken everything yet. */
  isBackedUp = false;
  /** Called for every chunk that arrives. */
  onProgress: () => void = () => undefined;

  constructor(
    private readonly req: IncomingMessage,
    private readonly max: number,
    private readonly before: readonly Buffer[] = [],
  ) {
    super({ highWaterMark: 64 * 1024 });
  }

  override _read(): void {
    if (!this.started) {
      this.started = true;
      this.req.on('data', this.onChunk).on('end', this.onEnd).on('close', this.onClose);
      for (const chunk of this.before) this.onChunk(chunk);
    }
    this.isBackedUp = false;
    this.req.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.req.off('data', this.onChunk).off('end', this.onEnd).off('close', this.onClose);
    callback(error);
  }

  private readonly onChunk = (chunk: Buffer): void => {
    this.bytes += chunk.length;
    this.onProgress();
    if (this.bytes > this.max) this.destroy(new BodyTooLarge('the body is larger than its route takes'));
    else if (!this.push(chunk)) {
      this.isBackedUp = true;
      this.req.pause();
    }
  };

  private readonly onEnd = (): void => {
    this.push(null);
  };

  private readonly onClose = (): void => {
    if (!this.req.complete) this.destroy(new Error('the client went away'));
  };
}

/** Bodies up to this size are buffered: they can be inspected and sent again. */
const maxBufferedBytes = 64 * 1024;

/**
 * Reads the body of an admitted request, at most `max` bytes: null without a body, buffered where it is small or its route
 * inspects it, otherwise as a stream.
 */
export function readBody(
  { req, route, headers }: Pick<AdmittedRequest, 'req' | 'route' | 'headers'>,
  max: number,
  done: (body: Buffer | RequestBody | BodyFault | null) => void,
): void {
  const length = headers.contentLength === undefined ? null : Number(headers.contentLength);
  if (length !== null && length > max) done('too_large');
  else if (headers.transferEncoding === undefined && (length ?? 0) === 0) done(null);
  else if ((length !== null && length <= maxBufferedBytes) || route.intent === 'by save')
    bufferBody(req, { whole: maxBufferedBytes, max }, (body) =>
      done(Buffer.isBuffer(body) && body.length === 0 ? null : body),
    );
  else done(new RequestBody(req, max));
}

const maxLingeringBytes = 4 * 1024 * 1024;
const lingeringMillis = 5000;

/**
 * Reads and discards what a client still sends after its response: closing at once could lose the response (RFC 9112, section
 * 9.6). A client that keeps sending is disconnected.
 */
export function discardBody(req: IncomingMessage): void {
  if (req.complete || req.destroyed) return;
  let bytes = 0;
  const timer = setTimeout(() => req.destroy(), lingeringMillis);
  timer.unref();
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxLingeringBytes) req.destroy();
  });
  req.once('close', () => clearTimeout(timer)).once('end', () => clearTimeout(timer));
  req.resume();
}
