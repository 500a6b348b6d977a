/**
 * Tango's score interval for the difference of two paired proportions (T. Tango, Statistics in Medicine 17:891-908, 1998): of n pairs,
 * b are right on the first side alone and c on the second alone. It holds its level also where b or c is 0, where Wald's interval
 * has no width.
 */

/** The 97.5 % quantile of the normal distribution: both ends together are outside in 5 %. */
const z = 1.959963984540054;

/** The upper end of the two-sided 95 % interval for (b − c)/n, rounded up in its last bit; 1 without any pair. */
export function differenceUpperBound(n: number, b: number, c: number): number {
  if (n === 0 || b === n) return 1;
  let [low, high] = [(b - c) / n, 1];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return high;
    if (isBelow(n, b, c, middle)) high = middle;
    else low = middle;
  }
}

/** Whether the upper end is below a difference: its score lies further than z standard errors under it. Counts need not be whole. */
export function isBelow(n: number, b: number, c: number, difference: number): boolean {
  const rightAloneSecond = likeliestShare(n, b, c, difference);
  const variance = n * (2 * rightAloneSecond + difference * (1 - difference));
  return n * difference - (b - c) > z * Math.sqrt(Math.max(variance, 0));
}

/** The probability of being right on the second side alone that is the likeliest under a difference: the root of a quadratic equation. */
function likeliestShare(n: number, b: number, c: number, difference: number): number {
  const linear = (2 * n - b + c) * difference - b - c;
  const constant = -c * difference * (1 - difference);
  const root = Math.sqrt(Math.max(linear * linear - 8 * n * constant, 0));
  // Of two forms of the same root the one that subtracts no two near numbers.
  return linear > 0 ? (-2 * constant) / (linear + root) : (root - linear) / (4 * n);
}
