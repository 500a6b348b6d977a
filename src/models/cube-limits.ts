import type { ModelProcessLimits } from './model-process.js';

/** Rows of different requests that the AI cube computes together, at most; it computes a larger request in parts of so many. */
export const maxBatchRows = 256;

/**
 * What one model may take of the AI cube; a client waits for thirty seconds at most. A migration tries models within the same limits:
 * one that needs more stays in legacy.
 */
export function cubeProcessLimits(mebibytes: number): ModelProcessLimits {
  return { maxResidentBytes: mebibytes * 1024 * 1024, loadMillis: 30_000, runMillis: 10_000 };
}
