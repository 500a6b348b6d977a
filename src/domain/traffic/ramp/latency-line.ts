/**
 * The hard line: the cube's p99 may not stay above twice legacy's, and above legacy's plus 100 ms, for long. Durations come
 * as cumulative histograms, as Prometheus keeps them, and lose half of their weight with each sixth of the time that is
 * allowed above the line: what is judged is the present, with a moment's memory.
 */
export const usualSlowSeconds = 180;

const halfLives = 6;
const minRequests = 20;

/** Requests at most so long, by the upper bound in seconds as text; `+Inf` is all. */
export type LatencyBuckets = Readonly<Record<string, number>>;

export interface LatencyHistograms {
  readonly cube: LatencyBuckets;
  readonly legacy: LatencyBuckets;
  /** Legacy's p99 when it last had enough requests: at 100 % no request is left there to measure. */
  readonly legacySeconds: number | null;
  readonly cubeSeconds: number | null;
  /** For how long the cube has been above the line, milliseconds. */
  readonly aboveMillis: number;
}

export const emptyLatencyHistograms: LatencyHistograms = {
  cube: {},
  legacy: {},
  legacySeconds: null,
  cubeSeconds: null,
  aboveMillis: 0,
};

/** Adds what was counted in the last `elapsedMillis`. */
export function addDurations(
  line: LatencyHistograms,
  counted: { readonly cube: LatencyBuckets; readonly legacy: LatencyBuckets },
  elapsedMillis: number,
  slowSeconds: number,
): LatencyHistograms {
  const weight = 0.5 ** ((elapsedMillis / 1000) * (halfLives / slowSeconds));
  const cube = sum(line.cube, weight, counted.cube);
  const legacy = sum(line.legacy, weight, counted.legacy);
  const cubeSeconds = p99(cube);
  const legacySeconds = p99(legacy) ?? line.legacySeconds;
  const above =
    cubeSeconds !== null && legacySeconds !== null && cubeSeconds > Math.max(2 * legacySeconds, legacySeconds + 0.1);
  return { cube, legacy, cubeSeconds, legacySeconds, aboveMillis: above ? line.aboveMillis + elapsedMillis : 0 };
}

function sum(before: LatencyBuckets, weight: number, counted: LatencyBuckets): LatencyBuckets {
  const bounds = new Set([...Object.keys(before), ...Object.keys(counted)]);
  // Rounded, so that what a ramp carries along stays short.
  return Object.fromEntries(
    [...bounds].map((bound) => [
      bound,
      Math.round(((before[bound] ?? 0) * weight + (counted[bound] ?? 0)) * 1000) / 1000,
    ]),
  );
}

/** As Prometheus' `histogram_quantile`: straight between two bounds; the last finite bound for what lies beyond it. */
function p99(durations: LatencyBuckets): number | null {
  const buckets = Object.entries(durations)
    .map(([bound, count]) => ({ bound: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), count }))
    .sort((one, other) => one.bound - other.bound);
  const total = buckets.at(-1)?.count ?? 0;
  if (total < minRequests) return null;
  const rank = 0.99 * total;
  let lower = { bound: 0, count: 0 };
  for (const bucket of buckets) {
    if (bucket.count >= rank && Number.isFinite(bucket.bound))
      return lower.bound + ((bucket.bound - lower.bound) * (rank - lower.count)) / (bucket.count - lower.count);
    if (Number.isFinite(bucket.bound)) lower = bucket;
  }
  return lower.bound;
}
