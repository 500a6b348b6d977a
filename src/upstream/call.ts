import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { Failure } from '../base/failures.js';
import { deadlineHeader, deadlineLeft } from './deadline.js';
import type { Member } from './load-balancer.js';
import type { CachedResponse } from './response-cache.js';
import { isSafe, retryAfterOf, retryDelay } from './retry-budget.js';
import { type Attempt, callHeader, type Upstream } from './upstream.js';

export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** What its breaker is kept under: the pattern of the route, not the path. */
  readonly route: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body?: Buffer;
  /** For the whole call, its retry included. */
  readonly limitMillis: number;
  readonly maxResponseBytes: number;
}

/**
 * Asks a service and waits for the whole answer, whatever its status. A safe call, or one of which nothing was sent, is
 * repeated once within the budget and the time limit when it failed or was answered 503. Throws
 * `upstream_unavailable`, `upstream_failed`, `upstream_timeout` or `answer_too_large`; all but the first may have had an effect there.
 */
export async function callUpstream(upstream: Upstream, call: Call): Promise<CachedResponse> {
  const deadline = upstream.now() + call.limitMillis;
  let retried = false;
  upstream.budget.begin();
  try {
    const first = await tryOnce(upstream, call, deadline);
    const wait = mayRetry(call, first) ? retryDelay(requestedDelay(first), () => upstream.random()) : null;
    if (wait === null || upstream.now() + wait >= deadline) return resultOf(first);
    retried = upstream.budget.take();
    if (!retried) return resultOf(first);
    await sleep(wait);
    return resultOf(await tryOnce(upstream, call, deadline, first.member));
  } finally {
    upstream.budget.end(retried);
  }
}

type AttemptResult =
  | { readonly kind: 'answer'; readonly answer: CachedResponse; readonly member: Member }
  | {
      readonly kind: 'failure';
      readonly failure: Failure;
      readonly sent: boolean;
      /** Whether asking again could do better. */
      readonly mayPass: boolean;
      readonly member: Member;
    };

async function tryOnce(upstream: Upstream, call: Call, deadline: number, except?: Member): Promise<AttemptResult> {
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

/** Gathers one answer. undici's raw callbacks: they hand out headers as they came. */
class ResponseCollector implements Dispatcher.DispatchHandler {
  onEnd: () => void = () => undefined;
  private abort: ((error?: Error) => void) | undefined;
  private readonly chunks: Buffer[] = [];
  private status = 0;
  private headers: string[] = [];
  private bytes = 0;
  private ended = false;

  constructor(
    private readonly attempt: Attempt,
    private readonly maxBytes: number,
    private readonly resolve: (tried: AttemptResult) => void,
  ) {}

  onConnect(abort: (error?: Error) => void): void {
    if (this.ended) abort();
    this.abort = abort;
  }

  onHeaders(status: number, raw: Buffer[]): boolean {
    if (status < 200) return true;
    this.status = status;
    const headers = raw.map((part) => part.toString('latin1'));
    if (this.attempt.isCrossUser(headerValue(headers, callHeader))) this.abortWith('anothers');
    // Whoever passes the answer on has names of its own for its calls.
    this.headers = headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== callHeader);
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
    this.attempt.complete(this.status >= 500 ? 'failed' : 'answered', true);
    const answer = { status: this.status, headers: this.headers, body: Buffer.concat(this.chunks) };
    this.resolve({ kind: 'answer', answer, member: this.attempt.member });
  }

  onError(): void {
    this.abortWith('failed');
  }

  abortWith(why: 'failed' | 'timed_out' | 'too_large' | 'anothers'): void {
    if (this.ended) return;
    this.finish();
    this.attempt.complete(outcomes[why], why === 'anothers');
    const sent = this.abort !== undefined;
    this.abort?.();
    const mayPass = why === 'failed';
    this.resolve({ kind: 'failure', failure: failureOf(why), sent, mayPass, member: this.attempt.member });
  }

  private finish(): void {
    this.ended = true;
    this.onEnd();
  }
}

const outcomes = { failed: 'failed', timed_out: 'timed_out', too_large: 'abandoned', anothers: 'failed' } as const;

/** Of a header that is there once; empty without it. `headers`: names and values in turn. */
function headerValue(headers: readonly string[], name: string): string {
  const place = headers.findIndex((one, at) => at % 2 === 0 && one.toLowerCase() === name);
  return place === -1 ? '' : (headers[place + 1] ?? '');
}

function failureOf(why: keyof typeof outcomes): Failure {
  switch (why) {
    case 'failed':
      return new Failure('upstream_failed', 'The service did not give a whole answer.');
    case 'timed_out':
      return new Failure('upstream_timeout', 'The service did not answer in time.');
    case 'anothers':
      return crossUserFailure();
    case 'too_large':
      return new Failure('answer_too_large', 'The answer of the service is larger than its caller takes.');
  }
}

function mayRetry(call: Call, tried: AttemptResult): boolean {
  if (tried.kind === 'answer') return isSafe(call.method) && tried.answer.status === 503;
  return tried.mayPass && (isSafe(call.method) || !tried.sent);
}

function requestedDelay(tried: AttemptResult): string | undefined {
  return tried.kind === 'failure' ? undefined : retryAfterOf(tried.answer.headers);
}

function resultOf(tried: AttemptResult): CachedResponse {
  if (tried.kind === 'failure') throw tried.failure;
  return tried.answer;
}

/** What a caller is told instead of an answer that was another's. */
export function crossUserFailure(): Failure {
  return new Failure('upstream_failed', 'The service answered another call than this one.', {
    hint: 'Nothing of that answer was passed on. Repeat the request.',
  });
}
