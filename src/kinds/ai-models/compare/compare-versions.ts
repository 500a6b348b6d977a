import type { AnsweredRow } from '../../../domain/models/answered-rows.js';
import { compareAnswers, noEvidence } from '../../../domain/models/comparison/compare-answers.js';
import { type Comparison, comparisonOf } from '../../../domain/models/comparison/comparison.js';
import type { ComparedRow } from '../../../domain/models/comparison/judgement.js';
import { type Batch, timingOf } from '../../../domain/models/comparison/timing.js';
import type { ModelMetrics } from '../../../domain/models/metrics.js';
import type { TestRow } from '../../../domain/models/test-set.js';
import { batchesOf } from './batches.js';
import { cubeVersion, legacyModel } from './prediction-service.js';
import { RowsRefused, ServicePair } from './service-pair.js';

export interface ComparedVersion {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
  /** At legacy what it has loaded under the name predicts. */
  readonly name: string;
  /** The version in the cube that predicts, active or not. */
  readonly versionId: string;
  /** A cube token that is valid now and holds `ai:call`. */
  readonly token: () => string;
  readonly testSet: readonly TestRow[];
  readonly metrics: ModelMetrics;
  readonly signal: AbortSignal;
  /** After each pair of requests. */
  readonly onProgress: () => void;
}

/** Rows that are predicted one by one for their latency, and how long that may take. */
const singleRows = 200;
const singleMillis = 10_000;

/**
 * Has both services predict the same held-out rows, warm and in turn, and says whether the version answers as well in the cube as legacy
 * does. Throws `ModelCannotRun`, and a retryable failure for a service that is away: that is no verdict on the version.
 */
export async function compareVersions(compared: ComparedVersion): Promise<Comparison> {
  const { testSet, metrics } = compared;
  const measured = new Measurement();
  let detail: string | null = null;
  try {
    await measure(compared, measured);
  } catch (error) {
    if (!(error instanceof RowsRefused)) throw error;
    detail = error.message;
  }
  const judgement = detail === null ? compareAnswers(measured.rows, metrics) : noEvidence(metrics.task, testSet.length);
  return comparisonOf(
    judgement,
    { legacy: measured.legacy.timing(), cube: measured.cube.timing() },
    { test_sha256: metrics.testSha256, compared_at: new Date().toISOString(), detail },
  );
}

async function measure(compared: ComparedVersion, { rows, legacy, cube }: Measurement): Promise<void> {
  const { legacyUrl, cubeUrl, name, versionId, token, testSet, signal, onProgress } = compared;
  const pair = new ServicePair(
    legacyModel(legacyUrl, name),
    cubeVersion({ cubeUrl, name, versionId, token }),
    signal,
    onProgress,
  );
  const batches = batchesOf(testSet);
  const singles = batchesOf(testSet.slice(0, singleRows), 1);
  // The first predictions load the model on both sides: they are made again, and only then timed.
  for (const first of [...batches.slice(0, 1), ...singles.slice(0, 1)])
    await pair.predict(first.body, first.rows.length);
  for (const batch of batches) {
    const answer = await pair.predict(batch.body, batch.rows.length);
    rows.push(...joined(batch.rows, answer.first.outputs, answer.second.outputs));
    legacy.batches.push({ rows: batch.rows.length, millis: answer.first.millis });
    cube.batches.push({ rows: batch.rows.length, millis: answer.second.millis });
    onProgress();
  }
  const until = performance.now() + singleMillis;
  for (const single of singles) {
    if (performance.now() > until) break;
    const answer = await pair.predict(single.body, 1);
    legacy.singles.push(answer.first.millis);
    cube.singles.push(answer.second.millis);
    onProgress();
  }
}

class Measurement {
  readonly rows: ComparedRow[] = [];
  readonly legacy = new MeasuredSide();
  readonly cube = new MeasuredSide();
}

class MeasuredSide {
  readonly batches: Batch[] = [];
  /** Milliseconds of single rows. */
  readonly singles: number[] = [];

  timing() {
    return timingOf(this.singles, this.batches);
  }
}

function joined(
  rows: readonly TestRow[],
  legacy: readonly AnsweredRow[],
  cube: readonly AnsweredRow[],
): readonly ComparedRow[] {
  // Each side has answered every row.
  return rows.map(({ label }, index) => ({ label, legacy: legacy[index] ?? {}, cube: cube[index] ?? {} }));
}
