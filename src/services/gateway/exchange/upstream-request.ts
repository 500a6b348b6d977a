import type { Dispatcher } from 'undici';
import type { Side } from '../../../domain/traffic/routing.js';
import type { CallOutcome } from '../../../upstream/breaker.js';
import type { Attempt } from '../../../upstream/upstream.js';

/** Who hears what comes of a leg. `resume` asks for more after `onData` said to wait. */
export interface UpstreamListener {
  /** False waits with the body. */
  onHeaders(leg: UpstreamRequest, status: number, raw: Buffer[], resume: () => void): boolean;
  onData(chunk: Buffer): boolean;
  onComplete(leg: UpstreamRequest): void;
  onError(leg: UpstreamRequest, error: Error): void;
}

/**
 * One attempt to have a request answered, as undici's handler; what arrives after its end is nobody's business any more.
 * The raw callbacks, not the newer ones: those make an object of the headers that nobody here needs.
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
    // 1xx comes before the answer.
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

  /** The leg is at its end; `answered` tells failures of the upstream's own from those on the way. */
  end(outcome: CallOutcome, answered: boolean): void {
    if (this.ended) return;
    this.ended = true;
    this.attempt.complete(outcome, answered);
  }

  /** As `end`, and breaks off what is still under way. */
  abort(outcome: CallOutcome, answered = false): void {
    if (this.ended) return;
    this.end(outcome, answered);
    this.abortDispatch?.();
  }
}
