import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { inParallel } from '../../src/base/in-parallel.js';
import { compareSpeeds, type SpeedComparison } from '../../src/domain/models/comparison/speed.js';
import { readInputRows } from '../../src/domain/models/input-rows.js';
import type { Batch } from '../../src/domain/models/tensors.js';
import { startModelProcess } from '../../src/models/model-process.js';
import { sessionOptions } from '../../src/models/session-options.js';
import { median } from '../statistics.js';
import { measuredLimits, measuredModel } from './measured-model.js';

/** A model's own speed below HTTP. */
export interface BelowHttp {
  readonly name: string;
  /** One batch at a time: what a caller waits for. */
  readonly alone: Paired;
  /** Milliseconds of a batch where the model process always has one more waiting, as it has under load. */
  readonly flowing: Paired;
}

export interface Paired {
  /** Milliseconds of a batch in a bare loop of the runtime. */
  readonly bareMillis: readonly number[];
  readonly processMillis: readonly number[];
  /** The model process against the bare loop; 1 is as fast. */
  readonly speed: SpeedComparison;
}

const rowsOfBatch = 256;
const pairs = 60;
/** A measure of this many milliseconds of the bare loop, of at least two batches. */
const flowMillis = 100;
const inFlight = 4;

/** Batches of 256 rows in the cube's model process and in a bare loop of the runtime with the same session options, in turn. */
export async function measureBelowHttp(name: string): Promise<BelowHttp> {
  const { file, testSet } = measuredModel(name);
  const process = startModelProcess(measuredLimits);
  const session = await InferenceSession.create(file, sessionOptions);
  try {
    const loaded = await process.load(name, file);
    if ('kind' in loaded) throw new Error(loaded.message);
    const rows = Array.from({ length: rowsOfBatch }, (_, row) => testSet[row % testSet.length]?.inputs);
    const read = readInputRows(loaded.graph.inputs, rows);
    if (read.kind === 'refusal') throw new Error(read.detail);
    const [batch] = read.batches;
    if (batch === undefined || batch.rows !== rowsOfBatch)
      throw new Error(`${name} takes no batches of ${rowsOfBatch}`);
    const bare = () => session.run(feedsOf(batch));
    const inProcess = () => process.run(name, batch);
    const alone = await inTurn(
      () => millisOf(bare),
      () => millisOf(inProcess),
    );
    const batches = Math.max(2, Math.ceil(flowMillis / median(alone.bareMillis)));
    const flowing = await inTurn(
      () => millisOf(() => times(batches, 1, bare)).then((millis) => millis / batches),
      () => millisOf(() => times(batches, inFlight, inProcess)).then((millis) => millis / batches),
    );
    return { name, alone, flowing };
  } finally {
    await session.release();
    await process.close();
  }
}

/** Both in turn, each first in every other pair. */
async function inTurn(bare: () => Promise<number>, inProcess: () => Promise<number>): Promise<Paired> {
  const measured: { usual: number; other: number }[] = [];
  // The first pairs warm both.
  for (let pair = -5; pair < pairs; pair++) {
    const [first, second] = pair % 2 === 0 ? [bare, inProcess] : [inProcess, bare];
    const [one, next] = [await first(), await second()];
    const [usual, other] = pair % 2 === 0 ? [one, next] : [next, one];
    if (pair >= 0) measured.push({ usual, other });
  }
  return {
    bareMillis: measured.map(({ usual }) => usual),
    processMillis: measured.map(({ other }) => other),
    speed: compareSpeeds(measured),
  };
}

/** So many calls, at most `parallel` of them at a time. */
async function times(count: number, parallel: number, call: () => Promise<unknown>): Promise<void> {
  await inParallel(Array.from({ length: count }), parallel, call);
}

async function millisOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function feedsOf({ tensors }: Batch): Record<string, RuntimeTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { type, dims, data }]) => [
      name,
      new RuntimeTensor(type as 'float32', data as Float32Array, dims),
    ]),
  );
}
