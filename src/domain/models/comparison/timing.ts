/** How fast one side answers: milliseconds of single rows, and rows a second in batches, one request at a time. */
export interface SideTiming {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly throughput: number;
}

/** One request with several rows. */
export interface Batch {
  readonly rows: number;
  readonly millis: number;
}

/** Undefined where nothing was measured. */
export function timingOf(singleMillis: readonly number[], batches: readonly Batch[]): SideTiming | undefined {
  if (singleMillis.length === 0 || batches.length === 0) return undefined;
  const sorted = [...singleMillis].sort((a, b) => a - b);
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  const millis = batches.reduce((sum, batch) => sum + batch.millis, 0);
  return {
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    throughput: (1000 * rows) / millis,
  };
}

/** By nearest rank: a value that was measured. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
