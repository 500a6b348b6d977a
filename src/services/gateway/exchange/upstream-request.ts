import type { Dispatcher } from 'undici';
import type { Side } from '../../../domain/side.js';
import type { CallOutcome } from '../../../upstream/breaker.js';
import type { Attempt } from '../../../upstream/upstream.js';

/** Receives the events of an `UpstreamRequest`. `resume` continues after `onData` returned false. */
export interface UpstreamListener {
  /** False pauses the body. */
  onHeaders(upstreamRequest: UpstreamRequest, status: number, raw: Buffer[], resume: () => void): boolean;
  onData(chunk: Buffer): boolean;
  onComplete(upstreamRequest: UpstreamRequest): void;
  onError(upstreamRequest: UpstreamRequest, error: Error): void;
}

/**
 * One attempt to forward a request, as undici's handler; it ignores what arrives after its end. It uses the raw callbacks: the
 * newer ones build an object of the headers.
 */
export class UpstreamRequest implements Dispatcher.DispatchHandler {
  /** Whether anything may have reached the upstream. */
  sent = false;
  ended = false;
  private abortDispatch: ((error?: Error) => void) | undefined;

  constructor(
    private readonly listener: UpstreamListener,
    readonly attempt: Attempt,
    readonly side: Side,
  ) {}

  onConnect(abort: (error?: Error) => void): void {
    if (this.ended) {
      abort();
      return;
    }
    this.abortDispatch = abort;
    this.sent = true;
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    // A 1xx precedes the response.
    return this.ended || status < 200 ? true : this.listener.onHeaders(this, status, raw, resume);
  }

  onData(chunk: Buffer): boolean {
    return this.ended ? true : this.listener.onData(chunk);
  }

  onComplete(): void {
    if (!this.ended) this.listener.onComplete(this);
  }

  onError(error: Error): void {
    if (!this.ended) this.listener.onError(this, error);
  }

  /** Ends the attempt; `answered` separates failures of the upstream from those of the connection. */
  end(outcome: CallOutcome, answered: boolean): void {
    if (this.ended) return;
    this.ended = true;
    this.attempt.complete(outcome, answered);
  }

  /** As `end`, and aborts the dispatch. */
  abort(outcome: CallOutcome, answered = false): void {
    if (this.ended) return;
    this.end(outcome, answered);
    this.abortDispatch?.();
  }
}
