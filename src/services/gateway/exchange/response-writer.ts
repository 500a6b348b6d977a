import type { Side } from '../../../domain/traffic/routing.js';
import type { AdmittedRequest } from '../admission/admission.js';
import type { ResponseHeaders } from '../admission/headers.js';
import type { ResponseBatcher } from './response-batcher.js';

/** An answer up to this size waits for its body before its headers go out: until then it can still become a problem. */
const maxBatchedBytes = 16 * 1024;

/** The way of an upstream's answer back to the client. */
export class ResponseWriter {
  /** Whether the client has any of it. */
  started = false;
  private received = 0;

  constructor(
    private readonly request: Pick<AdmittedRequest, 'res' | 'requestId'>,
    readonly status: number,
    private readonly head: ResponseHeaders,
    private readonly side: Side,
    private readonly wholeAnswers: ResponseBatcher,
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
    // With the first bytes where they are there already, else alone: a stream of events may be silent for long.
    setImmediate(() => {
      if (!res.writableEnded) res.flushHeaders();
    });
  }

  /** `whole`: that was the last of it; `full`: the client has to take something first. */
  write(chunk: Buffer): 'whole' | 'more' | 'full' {
    const { head } = this;
    const { res } = this.request;
    if (!this.started) this.writeHead();
    this.received += chunk.length;
    if (this.received !== head.length) return res.write(chunk) ? 'more' : 'full';
    if (chunk.length <= maxBatchedBytes) this.wholeAnswers.send(res, chunk.toString('latin1'));
    else res.end(chunk);
    return 'whole';
  }

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
