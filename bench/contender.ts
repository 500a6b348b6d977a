import type { Source, Target } from './lab.js';

/** What one run of one contender took. */
export interface Measured {
  readonly seconds: number;
  /** Parts of the whole, where the contender has some. */
  readonly parts?: EngineParts;
}

export interface EngineParts {
  /** From the request to the first copying step. */
  readonly preflight: number;
  /** From the request to the start of the comparison. */
  readonly copy: number;
  readonly verification: number;
  /** Peak resident memory of each bulk worker, in MB. */
  readonly peakMegabytes: readonly number[];
}

export interface Contender {
  readonly name: string;
  run(source: Source, target: Target): Promise<Measured>;
}

/** Far more than any contender took so far: what hangs is ended, with a word. */
export function limitMillis(source: Source): number {
  return 120_000 + source.records;
}
