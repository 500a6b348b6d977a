import { upperQuantile } from '../../../domain/models/comparison/students-t.js';
import type { TestRow } from '../../../domain/models/test-set.js';
import { batchesOf } from './batches.js';
import type { PredictionService } from './prediction-service.js';
import { ServicePair } from './service-pair.js';

const maxPairs = 60;
const maxMillis = 20_000;

/**
 * Whether `second` answers the same rows faster than `first`, asked in turn, warm: the lower end of the 95 % interval of the mean logarithm of
 * the quotient of their times, paired by request, is above 0.
 */
export async function isFaster(
  first: PredictionService,
  second: PredictionService,
  testSet: readonly TestRow[],
  signal: AbortSignal,
  onProgress: () => void,
): Promise<boolean> {
  const pair = new ServicePair(first, second, signal);
  const batches = batchesOf(testSet);
  for (const batch of batches.slice(0, 1)) await pair.predict(batch.body, batch.rows.length);
  const quotients: number[] = [];
  const until = performance.now() + maxMillis;
  while (batches.length > 0 && quotients.length < maxPairs && performance.now() < until) {
    for (const { body, rows } of batches) {
      const { legacy, cube } = await pair.predict(body, rows.length);
      quotients.push(Math.log(legacy.millis / cube.millis));
      onProgress();
    }
  }
  return lowerBound(quotients) > 0;
}

/** Of the mean; minus infinity where too little was measured. */
function lowerBound(values: readonly number[]): number {
  const n = values.length;
  if (n < 2) return Number.NEGATIVE_INFINITY;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return mean - upperQuantile(n - 1) * Math.sqrt(variance / n);
}
