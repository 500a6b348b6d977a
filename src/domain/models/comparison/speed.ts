import { upperQuantile } from './students-t.js';

/** How much faster one form of a model is than another, from requests that both got in turn. */
export interface SpeedComparison {
  /** Pairs of requests. */
  readonly pairs: number;
  /** Geometric mean of the usual form's time ÷ the other's: 2 is twice as fast. */
  readonly ratio: number;
  /** What the true ratio is above, with 97.5 % confidence; 0 for fewer than two pairs. */
  readonly bound: number;
}

/** Milliseconds of the same request at both, in pairs. */
export function compareSpeeds(pairs: readonly { readonly usual: number; readonly other: number }[]): SpeedComparison {
  const gains = pairs.map(({ usual, other }) => Math.log(usual / other));
  const n = gains.length;
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / n;
  const variance = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / (n - 1);
  return {
    pairs: n,
    ratio: n === 0 ? 1 : Math.exp(mean),
    bound: n < 2 ? 0 : Math.exp(mean - upperQuantile(n - 1) * Math.sqrt(variance / n)),
  };
}

/** An int8 form is worth its place only when it is faster beyond chance. */
export function isFaster({ bound }: SpeedComparison): boolean {
  return bound > 1;
}
