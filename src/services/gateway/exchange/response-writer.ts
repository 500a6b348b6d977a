import type { Side } from '../../../domain/side.js';
import type { AdmittedRequest } from '../admission/admission.js';
import type { ResponseBatcher } from './response-batcher.js';
import type { ResponseHeaders } from './response-headers.js';

/** A response up to this size is sent when its body is complete: until then it can still become a problem. */
const maxBatchedBytes = 16 * 1024;

export interface WriterListener {
  /** The client has read what was written before `backed_up`. */
  onDrained(writer: ResponseWriter): void;
}

/** Writes the response of an upstream to the client, with backpressure. */
export class ResponseWriter {
  /** Whether any of it has been sent. */
  started = false;
  /** Whether the client must read before more is written. */
  isBackedUp = false;
  private received = 0;

  constructor(
    private readonly request: Pick<AdmittedRequest, 'res' | 'requestId'>,
    readonly status: number,
    private readonly head: ResponseHeaders,
    private readonly side: Side,
    private readonly batcher: ResponseBatcher,
    private readonly listener: WriterListener,
    /** Lets the upstream send more after `backed_up`. */
    readonly resume: () => void,
  ) {}

  get isEventStream(): boolean {
    return this.head.isEventStream;
  }

  /** Sends the headers at once where the body may be long in coming. */
  open(): void {
    const { head } = this;
    const { res } = this.request;
    if (head.length !== null && head.length <= maxBatchedBytes) return;
    this.writeHead();
    // With the first bytes of the body if they are available, else alone: a stream of events may be silent for long.
    setImmediate(() => {
      if (!res.writableEnded) res.flushHeaders();
    });
  }

  /** `complete`: the body has ended; `backed_up`: the client must read before more is written. */
  write(chunk: Buffer): 'complete' | 'more' | 'backed_up' {
    const { head } = this;
    const { res } = this.request;
    if (!this.started) this.writeHead();
    this.received += chunk.length;
    if (this.received !== head.length) {
      this.isBackedUp = !res.write(chunk);
      if (!this.isBackedUp) return 'more';
      res.once('drain', this.onDrain);
      return 'backed_up';
    }
    if (chunk.length <= maxBatchedBytes) this.batcher.send(res, chunk.toString('latin1'));
    else res.end(chunk);
    return 'complete';
  }

  private readonly onDrain = (): void => {
    this.isBackedUp = false;
    this.listener.onDrained(this);
  };

  end(): void {
    if (!this.started) this.writeHead();
    this.request.res.end();
  }

  private writeHead(): void {
    this.started = true;
    const { res, requestId } = this.request;
    this.head.forwarded.push('X-Cube-Target', this.side, 'X-Request-Id', requestId);
    res.writeHead(this.status, this.head.forwarded);
  }
}
