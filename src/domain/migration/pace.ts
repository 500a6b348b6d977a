/** How fast a copy may go: a limit of rows a second, and a retreat while legacy answers slowly. */

export interface PaceLimits {
  /** Rows a second for this lane; null is no limit. */
  readonly rowsPerSecond: number | null;
  /** Milliseconds a probe of legacy may take; null is no limit. */
  readonly latencyLimitMillis: number | null;
}

/** Milliseconds to wait so that `rows` rows since `elapsedMillis` ago stay within the limit. */
export function waitForRate(rows: number, elapsedMillis: number, rowsPerSecond: number | null): number {
  if (rowsPerSecond === null) return 0;
  return Math.max(0, (rows / rowsPerSecond) * 1000 - elapsedMillis);
}

/**
 * The share of time to stay idle after a probe: doubles while legacy is slower than its limit, up to 90 %, and halves
 * when it is not, down to none.
 */
export function nextIdleShare(share: number, probeMillis: number, latencyLimitMillis: number | null): number {
  if (latencyLimitMillis === null) return 0;
  if (probeMillis > latencyLimitMillis) return Math.min(0.9, share === 0 ? 0.2 : share * 2);
  return share < 0.05 ? 0 : share / 2;
}

/** Milliseconds of idling that make `workedMillis` of work the rest of the time. */
export function waitForIdleShare(workedMillis: number, share: number): number {
  return share === 0 ? 0 : (workedMillis * share) / (1 - share);
}
