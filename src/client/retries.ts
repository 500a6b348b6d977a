import type { CubeAPIError } from './cube-api-error.js';

/**
 * Limits the retries in flight to a fifth of the calls in flight, and at least three. When everything fails, a client that retries
 * every call doubles the load on a failing service.
 */
export class RetryBudget {
  private active = 0;
  private retrying = 0;

  /** Counts a call while it runs. */
  async count<T>(work: () => Promise<T>): Promise<T> {
    this.active++;
    try {
      return await work();
    } finally {
      this.active--;
    }
  }

  /** Whether a retry may start now; `release` it at its end. */
  take(): boolean {
    if (this.retrying >= Math.max(minRetries, this.active * shareOfRetries)) return false;
    this.retrying++;
    return true;
  }

  release(): void {
    this.retrying--;
  }
}

const minRetries = 3;
const shareOfRetries = 0.2;
const maxRetryAfterSeconds = 5;

/**
 * Milliseconds before a retry, undefined for no retry. A call that was not sent may always be retried; otherwise only an idempotent
 * call without an answer, or with a `Retry-After`. Other answers are not retried: the gateway has retried where that could help.
 */
export function retryDelay(error: CubeAPIError, idempotent: boolean, random: () => number): number | undefined {
  const { failure } = error;
  const jitter = 25 + random() * 225;
  if (failure.kind === 'unreachable') return idempotent || wasUnsent(error.cause) ? jitter : undefined;
  if (failure.kind !== 'refused' || failure.retryAfterSeconds === undefined || !idempotent) return undefined;
  if (failure.status !== 429 && failure.status !== 503) return undefined;
  return Math.min(failure.retryAfterSeconds, maxRetryAfterSeconds) * 1000 + jitter;
}

/** Failures of Node's fetch before it has a connection; browsers do not report how far a request came. */
const unsentCodes = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
];

function wasUnsent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return unsentCodes.some((unsent) => unsent === code);
}
