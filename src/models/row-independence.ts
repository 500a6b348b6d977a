import { outputRows } from '../domain/models/output-rows.js';
import { type Batch, type GraphSchema, joinBatches, type Tensor, tensorData } from '../domain/models/tensors.js';

/**
 * Whether rows of several requests may be computed together: the graph leaves the number of rows free, in every input and output, and
 * two rows give the same together as each on its own. A graph that, say, subtracts the mean of its rows does not.
 */
export async function joinsRows(
  { inputs, outputs }: GraphSchema,
  compute: (batch: Batch) => Promise<Batch>,
): Promise<boolean> {
  if (inputs.length === 0 || ![...inputs, ...outputs].every(({ shape }) => shape.length > 0 && shape[0] === null))
    return false;
  const first = probe({ inputs, outputs }, 0);
  const second = probe({ inputs, outputs }, 1);
  try {
    const apart = [await compute(first), await compute(second)].flatMap(outputRows);
    const together = outputRows(await compute(joinBatches([first, second])));
    return isClose(together, apart);
  } catch {
    // Values of the probe may be none that the graph takes; then nothing is known of it.
    return false;
  }
}

function probe({ inputs }: GraphSchema, seed: number): Batch {
  const tensors = inputs.map(({ name, type, shape }): [string, Tensor] => {
    const dims = [1, ...shape.slice(1).map((size) => size ?? 1)];
    const length = dims.reduce((product, size) => product * size, 1);
    const elements = Array.from({ length }, (_, at) => {
      if (type === 'string') return seed === 0 ? '' : 'a';
      if (type === 'int64') return BigInt(seed);
      return type === 'float32' || type === 'float64' ? seed * (0.5 + (at % 7) / 7) : seed;
    });
    return [name, { type, dims, data: tensorData(type, elements) }];
  });
  return { rows: 1, tensors: Object.fromEntries(tensors) };
}

/** Sums in another order differ in their last digits. */
const closeness = 1e-4;

function isClose(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return Object.is(a, b) || Math.abs(a - b) <= closeness * Math.max(1, Math.abs(b));
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const others = b as Readonly<Record<string, unknown>>;
  const entries = Object.entries(a);
  return (
    entries.length === Object.keys(others).length && entries.every(([name, value]) => isClose(value, others[name]))
  );
}
