import type { CubeAPIError } from './cube-api-error.js';

/**
 * How many second attempts may be under way: a fifth of the calls that are, and three in any case. When everything
 * fails, a client that repeats every call doubles the load on what is ill already.
 */
export class RetryBudget {
  private active = 0;
  private retrying = 0;

  /** Counts a call for as long as it runs. */
  async count<T>(work: () => Promise<T>): Promise<T> {
    this.active++;
    try {
      return await work();
    } finally {
      this.active--;
    }
  }

  /** Whether a second attempt may be made now; one that may is given back once it is over. */
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
 * Milliseconds to wait before a second attempt, undefined when there must be none. `unsent` holds for any call, since
 * nobody can have carried it out; else only for an idempotent one that got no answer, or one that says when to come
 * again. Other answers are not asked for anew: the gateway has tried again where that could help.
 */
export function retryDelay(error: CubeAPIError, idempotent: boolean, random: () => number): number | undefined {
  const { failure } = error;
  const jitter = 25 + random() * 225;
  if (failure.kind === 'unreachable') return idempotent || wasUnsent(error.cause) ? jitter : undefined;
  if (failure.kind !== 'refused' || failure.retryAfterSeconds === undefined || !idempotent) return undefined;
  if (failure.status !== 429 && failure.status !== 503) return undefined;
  return Math.min(failure.retryAfterSeconds, maxRetryAfterSeconds) * 1000 + jitter;
}

/** Failures of Node's fetch before it has a connection; browsers keep to themselves how far a request came. */
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
