/** The ends of what a bigint key can be. */
export const leastKey = -(2n ** 63n);
export const greatestKey = 2n ** 63n - 1n;
