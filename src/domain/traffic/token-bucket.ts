/** How often something may be done: so often a second over time, so often at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Milliseconds since 1970 are kept to a fourth of a microsecond: a wait below is a rounding error. */
const minWait = 0.001;

/**
 * A token bucket as one number (GCRA, the generic cell rate algorithm of ATM, in its virtual-scheduling form): the theoretical
 * arrival time, at which the bucket is full again. Milliseconds throughout; for a new bucket any time up to now.
 */
export function takeToken(
  theoreticalArrival: number,
  now: number,
  rate: Rate,
): { theoreticalArrival: number; waitMillis: number } {
  const interval = 1000 / rate.perSecond;
  const next = Math.max(theoreticalArrival, now) + interval;
  const waitMillis = next - now - rate.burst * interval;
  return waitMillis > minWait ? { theoreticalArrival, waitMillis } : { theoreticalArrival: next, waitMillis: 0 };
}
