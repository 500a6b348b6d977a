import { type Batch, type GraphSchema, sliceBatch } from '../domain/models/tensors.js';
import { Batcher } from './batcher.js';
import type { ModelProcess } from './model-process.js';

/** A model that is loaded in a process of its own. */
export interface WarmModel {
  readonly graph: GraphSchema;
  /** The outputs of each batch, or of its parts in their order. Throws `RunFailure`: `overdue` for what is not begun at the deadline. */
  run(batches: readonly Batch[], deadline: number): Promise<readonly Batch[]>;
}

export interface BatchingOptions {
  readonly maxBatchRows: number;
  readonly waitMillis: number;
}

const onlyKey = 'model';
/** Of one request: the next is there when the model has computed one, and other requests have their turn between them. */
const maxPartsAtOnce = 2;

/** Loads a model into a process; the failure to load it where it cannot be loaded. */
export async function loadWarmModel(
  process: ModelProcess,
  file: string,
  { maxBatchRows, waitMillis }: BatchingOptions,
  onBatch: (rows: number) => void,
) {
  const loaded = await process.load(onlyKey, file);
  if ('kind' in loaded) return loaded;
  const { graph, joinsRows } = loaded;
  const run = (batch: Batch) => process.run(onlyKey, batch);
  const batcher = new Batcher({ run, joinsRows, maxRows: maxBatchRows, waitMillis, onBatch });
  const warm: WarmModel = {
    graph,
    run: (batches, deadline) =>
      inTurns(joinsRows ? partsOf(batches, maxBatchRows) : batches, (part) => batcher.submit(part, deadline)),
  };
  return warm;
}

function* partsOf(batches: Iterable<Batch>, maxRows: number): Generator<Batch> {
  for (const batch of batches)
    for (let from = 0; from < batch.rows; from += maxRows)
      yield sliceBatch(batch, from, Math.min(from + maxRows, batch.rows));
}

/** After one that fails no other begins. */
async function inTurns(parts: Iterable<Batch>, run: (part: Batch) => Promise<Batch>): Promise<readonly Batch[]> {
  const outputs: Batch[] = [];
  let count = 0;
  const left = parts[Symbol.iterator]();
  let hasFailed = false;
  const takeTurns = async () => {
    for (let next = left.next(); !hasFailed && next.done !== true; next = left.next()) {
      const at = count++;
      try {
        outputs[at] = await run(next.value);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: maxPartsAtOnce }, takeTurns));
  return outputs;
}
