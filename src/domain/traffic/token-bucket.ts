/** How often something may be done: so often a second over time, so often at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Milliseconds since 1970 are kept to a fourth of a microsecond: a wait below is a rounding error. */
const minWait = 0.001;

/**
 * A token bucket kept as one number, the time at which it is full again (GCRA: the generic cell rate algorithm of ATM, in its
 * virtual-scheduling form). Milliseconds throughout; `fullAt` of one that was never used is anything up to now.
 */
export function takeToken(fullAt: number, now: number, rate: Rate): { fullAt: number; waitMillis: number } {
  const interval = 1000 / rate.perSecond;
  const next = Math.max(fullAt, now) + interval;
  const waitMillis = next - now - rate.burst * interval;
  return waitMillis > minWait ? { fullAt, waitMillis } : { fullAt: next, waitMillis: 0 };
}
