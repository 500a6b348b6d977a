import { outputRows } from '../domain/models/output-rows.js';
import { type Batch, type GraphSchema, joinBatches, type Tensor, tensorData } from '../domain/models/tensors.js';

/**
 * Whether rows of several requests may be computed together: the graph leaves the number of rows free, in every input and output, and
 * rows of very different size give the same together as each on its own. A graph that subtracts the mean of its rows does not, nor one
 * that scales its numbers by the largest of the batch, as dynamically quantised ones do.
 */
export async function joinsRows(
  { inputs, outputs }: GraphSchema,
  compute: (batch: Batch) => Promise<Batch>,
): Promise<boolean> {
  if (inputs.length === 0 || ![...inputs, ...outputs].every(({ shape }) => shape.length > 0 && shape[0] === null))
    return false;
  const probes = sizes.map((_, place) => probe({ inputs, outputs }, place));
  try {
    const apart: unknown[] = [];
    for (const one of probes) apart.push(...outputRows(await compute(one)));
    const together = outputRows(await compute(joinBatches(probes)));
    return isClose(together, apart);
  } catch {
    // Values of the probe may be none that the graph takes; then nothing is known of it.
    return false;
  }
}

/** Of the numbers of each probe, and its texts. */
const sizes = [0, 1, 100];
const texts = ['', 'a', '계약 문서 invoice 2026'];

function probe({ inputs }: GraphSchema, place: number): Batch {
  const size = sizes[place] ?? 0;
  const tensors = inputs.map(({ name, type, shape }): [string, Tensor] => {
    const dims = [1, ...shape.slice(1).map((size) => size ?? 1)];
    const length = dims.reduce((product, size) => product * size, 1);
    const elements = Array.from({ length }, (_, at) => {
      if (type === 'string') return texts[place] ?? '';
      // Whole numbers may be places in a table of the graph.
      if (type === 'int64') return BigInt(Math.min(size, 1));
      return type === 'float32' || type === 'float64' ? size * (0.5 + (at % 7) / 7) : Math.min(size, 1);
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
