import { isFiniteRow } from '../../domain/models/answered-rows.js';
import type { GraphSchema } from '../../domain/models/tensors.js';
import { type ModelProcess, startModelProcess } from '../../models/model-process.js';
import { RunFailure } from '../../models/run-failure.js';

/** What one model may take of this machine while it is tried out. */
const limits = { maxResidentBytes: 1024 ** 3, loadMillis: 60_000, runMillis: 30_000 };

/** Runs `work` with a process of its own, which is ended afterwards. */
export async function withModelProcess<T>(work: (process: ModelProcess) => Promise<T>): Promise<T> {
  const process = startModelProcess(limits);
  try {
    return await work(process);
  } finally {
    await process.close();
  }
}

/** The process is measured now and then: one that grew just before is seen here. */
function isTooLarge(process: ModelProcess): boolean {
  return process.residentBytes() > limits.maxResidentBytes;
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
  const found = row === undefined ? 'refused' : await predictOne(process, key, row);
  const answer = found === 'refused' ? await predictOne(process, key, zeros(graph)) : found;
  if (isTooLarge(process))
    return { reason: 'memory_exceeded', detail: 'the model needs more memory than one may have' };
  return answer === 'refused' ? { reason: 'output_not_finite', detail: 'the model cannot compute zeros' } : answer;
}

async function predictOne(
  process: ModelProcess,
  key: string,
  row: unknown,
): Promise<SmokeFailure | 'refused' | undefined> {
  try {
    const outputs = await process.predict(key, [row]);
    if (outputs.length === 1 && outputs.every(isFiniteRow)) return undefined;
    return { reason: 'output_not_finite', detail: 'the smoke prediction is not finite' };
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    if (error.kind === 'refused') return 'refused';
    if (error.kind === 'memory_exceeded') return { reason: 'memory_exceeded', detail: error.message };
    return { reason: 'output_not_finite', detail: `the smoke prediction gave no answer: ${error.message}` };
  }
}

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
