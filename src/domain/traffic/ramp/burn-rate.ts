/**
 * How fast the cube uses up its budget of errors, by two pairs of windows, as in the SRE workbook's chapter on alerting on
 * objectives: the long window says that it matters, the short one that it still lasts.
 */
const pages = [
  { rate: 14.4, longMinutes: 60, shortMinutes: 5 },
  { rate: 6, longMinutes: 360, shortMinutes: 30 },
] as const;

/** Fewer failed requests than this, in the short window, raise no alarm. */
const minFailed = 10;

const keptMinutes = 360;

/** Requests of one minute of the ramp's clock. */
export interface MinuteCounts {
  readonly minute: number;
  readonly requests: number;
  readonly failed: number;
}

export type BurnHistory = readonly MinuteCounts[];

/** Adds what was counted until `atMillis` of the ramp's clock, and forgets what no window reaches. */
export function addRequests(
  history: BurnHistory,
  atMillis: number,
  counts: { readonly requests: number; readonly failed: number },
): BurnHistory {
  const minute = Math.floor(atMillis / 60_000);
  const last = history.at(-1);
  const added =
    last?.minute === minute
      ? { minute, requests: last.requests + counts.requests, failed: last.failed + counts.failed }
      : { minute, ...counts };
  const before = last?.minute === minute ? history.slice(0, -1) : history;
  return [...before, added].filter((one) => one.minute > minute - keptMinutes);
}

/**
 * The burn rate that pages, or undefined. `budgetPercent` is the share of requests that may fail. A ramp younger than a
 * window is judged by what there is.
 */
export function pagingBurnRate(history: BurnHistory, budgetPercent: number): number | undefined {
  const now = history.at(-1)?.minute ?? 0;
  for (const { rate, longMinutes, shortMinutes } of pages) {
    const short = burnRate(history, now - shortMinutes, budgetPercent);
    const long = burnRate(history, now - longMinutes, budgetPercent);
    if (short.failed >= minFailed && short.rate > rate && long.rate > rate) return short.rate;
  }
  return undefined;
}

function burnRate(history: BurnHistory, after: number, budgetPercent: number): { rate: number; failed: number } {
  const inside = history.filter(({ minute }) => minute > after);
  const requests = inside.reduce((sum, one) => sum + one.requests, 0);
  const failed = inside.reduce((sum, one) => sum + one.failed, 0);
  return { rate: requests === 0 ? 0 : (failed / requests) * (100 / budgetPercent), failed };
}
