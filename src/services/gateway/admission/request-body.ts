import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { AdmittedRequest } from './admission.js';

/** Why a body did not arrive whole. */
type BodyFault = 'too_large' | 'broken_off';

/**
 * Gathers a small body whole, for routes that look at it and for upstreams that slow clients shall not bind. Calls back
 * with the body, with the reader of a larger one that goes on where this stopped, or with a fault.
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

/** A body larger than its limit; the upstream never sees its end. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/**
 * The body of a request as a stream of its own: whoever ends it early, as an upstream that answers before it has read
 * all, must not end the client's connection with it.
 */
export class RequestBody extends Readable {
  private bytes = 0;
  private started = false;
  /** Whether there is more than the upstream has taken yet. */
  isBackedUp = false;
  /** Told of every chunk that arrives. */
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

/** Bodies up to this size go to the upstream whole: they can be looked at and sent again. */
const maxBufferedBytes = 64 * 1024;

/**
 * Takes the body of an admitted request, `most` bytes at most: null where there is none, whole where it is small or its route
 * looks at it, else as it comes.
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
 * Reads on, and throws away, what a client still sends after its answer: closing at once would take the answer from it
 * (RFC 9112, section 9.6). A client that does not come to an end is cut off.
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
