import type { Batch, GraphSchema } from '../domain/models/tensors.js';
import { Batcher } from './batcher.js';
import type { ModelProcess } from './model-process.js';

/** A model that is loaded in a process of its own. */
export interface WarmModel {
  readonly graph: GraphSchema;
  /** The outputs of each batch. Throws `RunFailure`. */
  run(batches: readonly Batch[]): Promise<readonly Batch[]>;
}

export interface BatchingOptions {
  readonly maxBatchRows: number;
  readonly waitMillis: number;
}

const onlyKey = 'model';

/** Loads a model into a process; the failure to load it where it cannot be loaded. */
export async function loadWarmModel(
  process: ModelProcess,
  file: string,
  { maxBatchRows, waitMillis }: BatchingOptions,
  onBatch: (rows: number) => void,
) {
  const loaded = await process.load(onlyKey, file);
  if ('kind' in loaded) return loaded;
  const run = (batch: Batch) => process.run(onlyKey, batch);
  const batcher = new Batcher({ run, maxRows: maxBatchRows, waitMillis, onBatch });
  const runAlone = (batch: Batch) => {
    onBatch(batch.rows);
    return run(batch);
  };
  const runEach = loaded.joinsRows ? (batch: Batch) => batcher.submit(batch) : runAlone;
  const warm: WarmModel = { graph: loaded.graph, run: (batches) => Promise.all(batches.map(runEach)) };
  return warm;
}
