const share = 0.2;
const min = 3;
const minDelay = 25;
const maxDelay = 250;
const maxRetryAfterSeconds = 5;

/**
 * Limits the retries among the calls in flight to a fifth, and at least three: a failing service never gets a multiple of its
 * load (TRAFFIC, "Breaker, retries, cache, balancing").
 */
export class RetryBudget {
  private active = 0;
  private retrying = 0;

  begin(): void {
    this.active++;
  }

  end(retried: boolean): void {
    this.active--;
    if (retried) this.retrying--;
  }

  /** Takes one retry from the budget; `end(true)` returns it. */
  take(): boolean {
    if (this.retrying >= Math.max(min, Math.floor(this.active * share))) return false;
    this.retrying++;
    return true;
  }
}

/** Milliseconds before the one retry: the response's `Retry-After`, at most five seconds, else full jitter. */
export function retryDelay(retryAfter: string | undefined, random: () => number): number {
  if (retryAfter !== undefined && /^\d{1,9}$/.test(retryAfter))
    return Math.min(Number(retryAfter), maxRetryAfterSeconds) * 1000;
  return minDelay + random() * (maxDelay - minDelay);
}

/** Safe methods (RFC 9110): a second call has no further effect. */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** The `Retry-After` of a response; `headers` are names and values in turn. */
export function retryAfterOf(headers: readonly string[]): string | undefined {
  const index = headers.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'retry-after');
  return index === -1 ? undefined : headers[index + 1];
}
