/**
 * Mann-Whitney's test between two samples, one-sided: is `cube` greater than `legacy`? By the normal approximation with
 * correction for ties and for continuity, good from about ten values a side. Tested once a step: testing again and
 * again at such a test finds a difference sooner or later where there is none.
 */
export interface LatencyComparison {
  /** Distinct users on each side. */
  readonly cubeUsers: number;
  readonly legacyUsers: number;
  /** Median over users of their median latencies, milliseconds; null without users. */
  readonly cubeMillis: number | null;
  readonly legacyMillis: number | null;
  /** Probability of a difference this great between equal sides; 1 where there is nothing to compare. */
  readonly pValue: number;
}

/** Compares medians by user, milliseconds. */
export function compareLatencies(cube: readonly number[], legacy: readonly number[]): LatencyComparison {
  return {
    cubeUsers: cube.length,
    legacyUsers: legacy.length,
    cubeMillis: median(cube),
    legacyMillis: median(legacy),
    pValue: cube.length === 0 || legacy.length === 0 ? 1 : greaterBy(cube, legacy),
  };
}

const maxPValue = 0.01;
const minEffect = 1.1;
/** A user does not feel less; between programs on one machine it is more than a tenth of the whole. */
const minDifferenceMillis = 1;

/** Whether the cube is slower beyond chance and by enough to matter. */
export function showsSlower({ cubeMillis, legacyMillis, pValue }: LatencyComparison): boolean {
  if (cubeMillis === null || legacyMillis === null) return false;
  const isFelt = cubeMillis >= minEffect * legacyMillis && cubeMillis - legacyMillis >= minDifferenceMillis;
  return isFelt && pValue < maxPValue;
}

function greaterBy(cube: readonly number[], legacy: readonly number[]): number {
  const all = [
    ...cube.map((value) => ({ value, ofCube: true })),
    ...legacy.map((value) => ({ value, ofCube: false })),
  ].sort((one, other) => one.value - other.value);
  let rankSum = 0;
  let ties = 0;
  for (let start = 0; start < all.length; ) {
    let end = start + 1;
    while (end < all.length && all[end]?.value === all[start]?.value) end++;
    const equal = end - start;
    // Equal values share the mean of their ranks.
    const rank = (start + 1 + end) / 2;
    rankSum += rank * all.slice(start, end).filter(({ ofCube }) => ofCube).length;
    ties += equal ** 3 - equal;
    start = end;
  }
  const [n, m] = [cube.length, legacy.length];
  const total = n + m;
  const u = rankSum - (n * (n + 1)) / 2;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  if (!(variance > 0)) return 1;
  return 1 - normalDistribution((u - (n * m) / 2 - 0.5) / Math.sqrt(variance));
}

/** Abramowitz and Stegun 26.2.17; the error is below 7.5e-8. */
function normalDistribution(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  return z > 0 ? 1 - tail : tail;
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
