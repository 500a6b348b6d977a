import type { Judgement, SideAccuracy } from './judgement.js';
import type { SideTiming } from './timing.js';

/** One side of a comparison; times are null where rows were refused, or there were none. */
export type ComparedSide = SideAccuracy & { readonly [Figure in keyof SideTiming]: number | null };

/** A comparison as it is kept with the version, reported and shown. Each test set gives one of its own. */
export interface Comparison extends Omit<Judgement, 'legacy' | 'cube'> {
  readonly legacy: ComparedSide;
  readonly cube: ComparedSide;
  readonly test_sha256: string;
  readonly compared_at: string;
  /** Why there is no evidence, where it is not the number of rows. */
  readonly detail: string | null;
}

const noTiming = { p50: null, p95: null, p99: null, throughput: null };

/** Puts together what was judged and what was measured. */
export function comparisonOf(
  { legacy, cube, ...judgement }: Judgement,
  timings: { readonly legacy: SideTiming | undefined; readonly cube: SideTiming | undefined },
  about: Pick<Comparison, 'test_sha256' | 'compared_at' | 'detail'>,
): Comparison {
  return {
    ...judgement,
    legacy: { ...legacy, ...(timings.legacy ?? noTiming) },
    cube: { ...cube, ...(timings.cube ?? noTiming) },
    ...about,
  };
}
