/** The figures of one contender over all rounds, and how they are written. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** `median (least–most)`; the median alone when there is but one value. */
export function spread(values: readonly number[], digits = 2): string {
  const text = median(values).toFixed(digits);
  if (values.length < 2) return text;
  return `${text} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
}

/** Round by round quotients: what a slow moment of the machine did to both of a round cancels out. */
export function quotients(values: readonly number[], by: readonly number[]): number[] {
  return values.slice(0, by.length).map((value, round) => value / (by[round] ?? Number.NaN));
}

/** The value that this share of all does not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
