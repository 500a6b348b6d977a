/** How long before a request is sent again. Milliseconds throughout. */
export interface RetryRule {
  /** Requests in all. */
  readonly attempts: number;
  /** Before the second request; it doubles with each one after it. */
  readonly firstBackOff: number;
  /** A host that asks for longer is not called again by this fetch. */
  readonly longestRetryAfter: number;
}

const transientStatuses: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** Whether the same request may be answered otherwise a little later. */
export function isTransient(status: number): boolean {
  return transientStatuses.includes(status);
}

/** The wait before attempt `attempt + 1`: doubling, with up to a quarter more by `random` (0 to 1) so that many do not come at once. */
export function backOff({ firstBackOff }: RetryRule, attempt: number, random: number): number {
  return firstBackOff * 2 ** (attempt - 1) * (1 + random / 4);
}

/** What a Retry-After header asks for, seconds or a date (RFC 9110); undefined for none and for one that is neither. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  // Only dates as HTTP writes them: the parser takes a number for a year.
  const date = /^[a-z]{3,9},/i.test(header.trim()) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
