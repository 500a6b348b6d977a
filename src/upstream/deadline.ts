/**
 * Tells an upstream how many milliseconds its caller will still wait, so that it need not begin, or ask others for, what
 * nobody is there to take any more. Time left, not a time of day: clocks of two machines differ.
 */
export const deadlineHeader = 'x-request-deadline';

/** The header's value; a call is never told to be late already. */
export function deadlineLeft(deadline: number, now: number): string {
  return String(Math.max(1, Math.floor(deadline - now)));
}
