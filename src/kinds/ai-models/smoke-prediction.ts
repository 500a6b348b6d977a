import { isFiniteRow } from '../../domain/models/answered-rows.js';
import type { OutputRow } from '../../domain/models/output-rows.js';
import { predictionLimits } from '../../domain/models/prediction.js';
import type { GraphSchema } from '../../domain/models/tensors.js';
import { maxBatchRows } from '../../models/cube-limits.js';
import {
  type LoadedModel,
  type ModelProcess,
  type ModelProcessLimits,
  startModelProcess,
} from '../../models/model-process.js';
import { RunFailure } from '../../models/run-failure.js';

/** Runs `work` with a process of its own, which is ended afterwards. */
export async function withModelProcess<T>(
  limits: ModelProcessLimits,
  work: (process: ModelProcess) => Promise<T>,
): Promise<T> {
  const process = startModelProcess(limits);
  try {
    return await work(process);
  } finally {
    await process.close();
  }
}

export interface SmokeFailure {
  readonly reason: 'memory_exceeded' | 'output_not_finite';
  readonly detail: string;
}

/**
 * Has a loaded model predict a row, or zeros where there is none or it is not one that the graph takes: why its answer is none; undefined
 * where it is finite.
 */
export async function smokePrediction(
  process: ModelProcess,
  key: string,
  graph: GraphSchema,
  row: unknown,
): Promise<SmokeFailure | undefined> {
  const found = row === undefined ? 'refused' : await predictRows(process, key, [row]);
  const answer = found === 'refused' ? await predictRows(process, key, [zeros(graph)]) : found;
  if (answer === 'refused') return { reason: 'output_not_finite', detail: 'the model cannot compute zeros' };
  if ('reason' in answer) return answer;
  if (answer.length === 1 && answer.every(isFiniteRow)) return undefined;
  return { reason: 'output_not_finite', detail: 'the smoke prediction is not finite' };
}

/**
 * Has a loaded model predict as many rows as the cube computes at a time, all like `row`: why it cannot within the limits of its process.
 * Rows that it refuses are no reason, since legacy's answer is the same.
 */
export async function fullBatchPrediction(
  process: ModelProcess,
  key: string,
  { graph, joinsRows }: LoadedModel,
  row: unknown = zeros(graph),
): Promise<SmokeFailure | undefined> {
  // A graph with a fixed number of rows computes each row on its own.
  if (graph.inputs.some(({ shape }) => shape[0] !== null)) return undefined;
  const count = joinsRows ? maxBatchRows : maxRowsOfRequest(row);
  const found = await predictRows(process, key, new Array(count).fill(row));
  if (found === 'refused' || !('reason' in found)) return undefined;
  return { ...found, detail: `${count} rows at a time: ${found.detail}` };
}

/** Where no request may be divided, the cube computes the largest in one piece. */
function maxRowsOfRequest(row: unknown): number {
  const bytes = Buffer.byteLength(JSON.stringify(row)) + 1;
  return Math.max(1, Math.min(predictionLimits.maxRows, Math.floor(predictionLimits.maxBodyBytes / bytes)));
}

async function predictRows(
  process: ModelProcess,
  key: string,
  rows: readonly unknown[],
): Promise<readonly OutputRow[] | SmokeFailure | 'refused'> {
  try {
    const outputs = await process.predict(key, rows);
    // The process is measured now and then: one that grew just before is seen here.
    return process.isTooLarge() ? tooLarge : outputs;
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    if (error.kind === 'refused') return 'refused';
    if (error.kind === 'memory_exceeded') return tooLarge;
    return { reason: 'output_not_finite', detail: `the smoke prediction gave no answer: ${error.message}` };
  }
}

const tooLarge: SmokeFailure = { reason: 'memory_exceeded', detail: 'the model needs more memory than one may have' };

/** A row of zeros, empty texts and false, one where the size is free. */
function zeros({ inputs }: GraphSchema): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    inputs.map(({ name, type, shape }) => {
      const zero = type === 'string' ? '' : type === 'bool' ? false : 0;
      const sizes = shape.slice(1).map((size) => size ?? 1);
      return [name, sizes.reduceRight<unknown>((inner, size) => Array.from({ length: size }, () => inner), zero)];
    }),
  );
}
