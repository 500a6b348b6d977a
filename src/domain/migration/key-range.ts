/** The ends of what a bigint key can be. */
export const minKey = -(2n ** 63n);
export const maxKey = 2n ** 63n - 1n;
