/**
 * Header with the milliseconds that the caller will still wait, so that the upstream starts no work, and calls no other service,
 * for a caller that has given up. A remaining time, not a time of day: clocks of two machines differ.
 */
export const deadlineHeader = 'x-request-deadline';

/** The header's value, at least 1. */
export function deadlineLeft(deadline: number, now: number): string {
  return String(Math.max(1, Math.floor(deadline - now)));
}
