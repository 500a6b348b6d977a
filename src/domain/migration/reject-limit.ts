/**
 * Whether rejects pass their limit: more than `percent` of the rows that the run has read, or is expected to,
 * whichever is more. Early in a run the estimate keeps a few bad rows at the front from stopping it.
 */
export function passesRejectLimit(
  counts: { open: number; processed: number; estimated: number },
  percent: number,
): boolean {
  // The other way round, percent / 100 is rounded first: 245 of 700 rows would be more than 35 %.
  return counts.open * 100 > percent * Math.max(counts.processed, counts.estimated);
}
