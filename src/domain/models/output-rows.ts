import { type Batch, elementsPerRow, type Tensor } from './tensors.js';

/** The value of an output in one row: bare for [N], a list for [N,k]. int64 beyond 2⁵³ is a text; a number may be NaN or infinite. */
export type OutputValue = number | string | boolean | readonly OutputValue[];

/** What a model computed for one row, by the names of its outputs. */
export type OutputRow = Readonly<Record<string, OutputValue>>;

/** The rows of outputs, in order. */
export function outputRows(batch: Batch): readonly OutputRow[] {
  const columns = Object.entries(batch.tensors).map(([name, tensor]) => [name, columnOf(tensor, batch.rows)] as const);
  return Array.from({ length: batch.rows }, (_, row) =>
    Object.fromEntries(columns.map(([name, valueAt]) => [name, valueAt(row)])),
  );
}

function columnOf({ type, dims, data }: Tensor, rows: number): (row: number) => OutputValue {
  const elementAt = (at: number): OutputValue => {
    const element = data[at];
    if (typeof element === 'bigint') return Number.isSafeInteger(Number(element)) ? Number(element) : String(element);
    return type === 'bool' ? element === 1 : (element ?? 0);
  };
  // A single value belongs to the one row that was computed.
  if (dims.length === 0) return () => elementAt(0);
  const size = elementsPerRow(dims);
  if ((dims[0] ?? 0) < rows) throw new RangeError('an output has fewer rows than the inputs');
  return (row) => nested(dims, 1, row * size, size, elementAt);
}

function nested(
  dims: readonly number[],
  depth: number,
  from: number,
  size: number,
  elementAt: (at: number) => OutputValue,
): OutputValue {
  const length = dims[depth];
  if (length === undefined) return elementAt(from);
  const inner = length === 0 ? 0 : size / length;
  return Array.from({ length }, (_, at) => nested(dims, depth + 1, from + at * inner, inner, elementAt));
}
