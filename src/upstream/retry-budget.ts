const share = 0.2;
const min = 3;
const minDelay = 25;
const maxDelay = 250;
const maxRetryAfterSeconds = 5;

/**
 * Of the calls under way, how many may be second attempts: a fifth, and three at least. What is down is then never hit
 * by a multiple of its load (TRAFFIC, "Breaker, retries, cache, balancing").
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

  /** Takes one retry from the budget; it is given back by `end(true)`. */
  take(): boolean {
    if (this.retrying >= Math.max(min, Math.floor(this.active * share))) return false;
    this.retrying++;
    return true;
  }
}

/** Milliseconds to wait before the one retry: what the answer asks for, five seconds at most, else full jitter. */
export function retryDelay(retryAfter: string | undefined, random: () => number): number {
  if (retryAfter !== undefined && /^\d{1,9}$/.test(retryAfter))
    return Math.min(Number(retryAfter), maxRetryAfterSeconds) * 1000;
  return minDelay + random() * (maxDelay - minDelay);
}

/** Methods of which a second call changes nothing and answers the same. */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** What an answer says in `Retry-After`; `headers` are names and values in turn. */
export function retryAfterOf(headers: readonly string[]): string | undefined {
  const place = headers.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'retry-after');
  return place === -1 ? undefined : headers[place + 1];
}
