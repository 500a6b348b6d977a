import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { Failure } from '../base/failures.js';
import { deadlineHeader, deadlineLeft } from './deadline.js';
import type { PoolMember } from './load-balancer.js';
import type { CachedResponse } from './response-cache.js';
import { isSafe, retryAfterOf, retryDelay } from './retry-budget.js';
import { type Attempt, callHeader, itemFailureHeader, outcomeOfStatus, type Upstream } from './upstream.js';

export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** The key of its breaker: the pattern of the route, not the path. */
  readonly route: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body?: Buffer;
  /** Whether a second call has no further effect, where the method does not say so. */
  readonly isRepeatable?: boolean;
  /** Time limit of the whole call, including its retry. */
  readonly limitMillis: number;
  readonly maxResponseBytes: number;
}

/**
 * Calls a service and returns the complete response, whatever its status. Retries once, within the budget and the time limit, a
 * safe or repeatable call, or one of which nothing was sent, that failed or got a 503. Throws `upstream_unavailable`, `upstream_failed`,
 * `upstream_timeout` or `answer_too_large`; after all but the first the call may have had an effect.
 */
export async function callUpstream(upstream: Upstream, call: Call): Promise<CachedResponse> {
  const deadline = upstream.now() + call.limitMillis;
  let retried = false;
  upstream.budget.begin();
  try {
    const first = await attemptOnce(upstream, call, deadline);
    const wait = mayRetry(call, first) ? retryDelay(requestedDelay(first), () => upstream.random()) : null;
    if (wait === null || upstream.now() + wait >= deadline) return resultOf(first);
    retried = upstream.budget.take();
    if (!retried) return resultOf(first);
    await sleep(wait);
    return resultOf(await attemptOnce(upstream, call, deadline, first.member));
  } finally {
    upstream.budget.end(retried);
  }
}

type AttemptResult =
  | { readonly kind: 'response'; readonly response: CachedResponse; readonly member: PoolMember }
  | {
      readonly kind: 'failure';
      readonly failure: Failure;
      readonly sent: boolean;
      /** Whether a retry could succeed. */
      readonly isRetryable: boolean;
      readonly member: PoolMember;
    };

async function attemptOnce(
  upstream: Upstream,
  call: Call,
  deadline: number,
  except?: PoolMember,
): Promise<AttemptResult> {
  const attempt = upstream.begin(call.route, except);
  if (typeof attempt === 'string') {
    const sentences = {
      nobody: 'No instance of the service is ready.',
      broken_off: 'Most calls of late failed; the service is left alone for a while.',
      too_many: 'Too many calls to the service are under way.',
    } as const;
    throw new Failure('upstream_unavailable', sentences[attempt]);
  }
  return new Promise((resolve) => {
    const collector = new ResponseCollector(attempt, call.maxResponseBytes, resolve);
    const timer = setTimeout(() => collector.abortWith('timed_out'), Math.max(1, deadline - upstream.now()));
    collector.onEnd = () => clearTimeout(timer);
    attempt.member.connections.dispatch(
      {
        method: call.method as Dispatcher.HttpMethod,
        path: call.path,
        headers: [
          ...call.headers,
          deadlineHeader,
          deadlineLeft(deadline, upstream.now()),
          ...(attempt.callId === '' ? [] : [callHeader, attempt.callId]),
        ],
        body: call.body ?? null,
      },
      collector,
    );
  });
}

/** Collects one response. undici's raw callbacks give the headers as they arrived. */
class ResponseCollector implements Dispatcher.DispatchHandler {
  onEnd: () => void = () => undefined;
  private abort: ((error?: Error) => void) | undefined;
  private readonly chunks: Buffer[] = [];
  private status = 0;
  private headers: string[] = [];
  private isOfItem = false;
  private bytes = 0;
  private ended = false;

  constructor(
    private readonly attempt: Attempt,
    private readonly maxBytes: number,
    private readonly resolve: (result: AttemptResult) => void,
  ) {}

  onConnect(abort: (error?: Error) => void): void {
    if (this.ended) abort();
    this.abort = abort;
  }

  onHeaders(status: number, raw: Buffer[]): boolean {
    if (status < 200) return true;
    this.status = status;
    const headers = raw.map((part) => part.toString('latin1'));
    if (this.attempt.isCrossUser(headerValue(headers, callHeader))) this.abortWith('cross_user');
    this.isOfItem = headerValue(headers, itemFailureHeader) !== '';
    // Both are of this call alone: a response that is passed on does not carry them.
    this.headers = headers.filter((_, at) => {
      const name = headers[at - (at % 2)]?.toLowerCase();
      return name !== callHeader && name !== itemFailureHeader;
    });
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    if (this.bytes > this.maxBytes) this.abortWith('too_large');
    else this.chunks.push(chunk);
    return true;
  }

  onComplete(): void {
    if (this.ended) return;
    this.finish();
    this.attempt.complete(outcomeOfStatus(this.status, this.isOfItem), true);
    const response = { status: this.status, headers: this.headers, body: Buffer.concat(this.chunks) };
    this.resolve({ kind: 'response', response, member: this.attempt.member });
  }

  onError(): void {
    this.abortWith('failed');
  }

  abortWith(why: 'failed' | 'timed_out' | 'too_large' | 'cross_user'): void {
    if (this.ended) return;
    this.finish();
    this.attempt.complete(outcomes[why], why === 'cross_user');
    const sent = this.abort !== undefined;
    this.abort?.();
    const isRetryable = why === 'failed';
    this.resolve({ kind: 'failure', failure: failureOf(why), sent, isRetryable, member: this.attempt.member });
  }

  private finish(): void {
    this.ended = true;
    this.onEnd();
  }
}

const outcomes = { failed: 'failed', timed_out: 'timed_out', too_large: 'abandoned', cross_user: 'failed' } as const;

/** The value of a header; empty without it. `headers`: names and values in turn. */
function headerValue(headers: readonly string[], name: string): string {
  const index = headers.findIndex((one, at) => at % 2 === 0 && one.toLowerCase() === name);
  return index === -1 ? '' : (headers[index + 1] ?? '');
}

function failureOf(why: keyof typeof outcomes): Failure {
  switch (why) {
    case 'failed':
      return new Failure('upstream_failed', 'The service did not give a complete response.');
    case 'timed_out':
      return new Failure('upstream_timeout', 'The service did not answer in time.');
    case 'cross_user':
      return crossUserFailure();
    case 'too_large':
      return new Failure('answer_too_large', 'The answer of the service is larger than its caller takes.');
  }
}

function mayRetry(call: Call, result: AttemptResult): boolean {
  const isRepeatable = call.isRepeatable ?? isSafe(call.method);
  if (result.kind === 'response') return isRepeatable && result.response.status === 503;
  return result.isRetryable && (isRepeatable || !result.sent);
}

function requestedDelay(result: AttemptResult): string | undefined {
  return result.kind === 'failure' ? undefined : retryAfterOf(result.response.headers);
}

function resultOf(result: AttemptResult): CachedResponse {
  if (result.kind === 'failure') throw result.failure;
  return result.response;
}

/** The failure that replaces a response to another call. */
export function crossUserFailure(): Failure {
  return new Failure('upstream_failed', 'The service answered another call than this one.', {
    hint: 'Nothing of that answer was passed on. Repeat the request.',
  });
}
