/** How long a ramp keeps still after it went back. */

const firstMillis = 15 * 60_000;
const dayMillis = 24 * 60 * 60_000;
/** This rollback of a day waits for a person. */
const maxRollbacks = 3;

/**
 * Milliseconds to keep still after the last of these rollbacks (epoch milliseconds, rising): 15 minutes, twice as long for
 * each one more within a day; null when only a person may start again.
 */
export function holdOffAfter(rollbacks: readonly number[]): number | null {
  const last = rollbacks.at(-1);
  if (last === undefined) return 0;
  const count = rollbacks.filter((at) => at > last - dayMillis).length;
  return count >= maxRollbacks ? null : firstMillis * 2 ** (count - 1);
}
