import { compareSpeeds, type SpeedComparison } from '../../../domain/models/comparison/speed.js';
import type { TestRow } from '../../../domain/models/test-set.js';
import { batchesOf } from './batches.js';
import { cubeVersion } from './prediction-service.js';
import { ServicePair } from './service-pair.js';

export interface ComparedForms {
  readonly cubeUrl: string;
  readonly name: string;
  readonly floatVersionId: string;
  readonly int8VersionId: string;
  readonly token: () => string;
  readonly testSet: readonly TestRow[];
  readonly signal: AbortSignal;
  readonly onProgress: () => void;
}

/** So many pairs of batches show a tenth where the machine is quiet; the time bounds a model of slow batches. */
const maxPairs = 60;
const maxMillis = 20_000;
const rowsOfBatch = 64;

/**
 * How much faster the int8 form predicts in the cube than the float form: both compute the same batches, warm and in turn. Rows that
 * either refuses throw `RowsRefused`, and a form that it cannot run `ModelCannotRun`; a service that is away, a retryable failure.
 */
export async function compareForms(compared: ComparedForms): Promise<SpeedComparison> {
  const { floatVersionId, int8VersionId, testSet, signal, onProgress, ...version } = compared;
  const pair = new ServicePair(
    cubeVersion({ ...version, versionId: floatVersionId }),
    cubeVersion({ ...version, versionId: int8VersionId }),
    signal,
    onProgress,
  );
  const batches = batchesOf(testSet.slice(0, maxPairs * rowsOfBatch), rowsOfBatch);
  const measured: { usual: number; other: number }[] = [];
  // Loads both, and is not timed.
  for (const { body, rows } of batches.slice(0, 1)) await pair.predict(body, rows.length);
  const until = performance.now() + maxMillis;
  while (batches.length > 0 && measured.length < maxPairs && performance.now() < until)
    for (const { body, rows } of batches.slice(0, maxPairs - measured.length)) {
      const { first, second } = await pair.predict(body, rows.length);
      measured.push({ usual: first.millis, other: second.millis });
      onProgress();
    }
  return compareSpeeds(measured);
}
