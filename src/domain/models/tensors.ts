/** The element types that inputs and outputs of a model may have. */
export const elementTypes = ['float32', 'float64', 'int64', 'int32', 'bool', 'string'] as const;
export type ElementType = (typeof elementTypes)[number];

export function isElementType(type: unknown): type is ElementType {
  return elementTypes.some((known) => known === type);
}

/** An input or output as a graph declares it. In the shape null is a free dimension; the first dimension counts the rows. */
export interface TensorSchema {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | null)[];
}

/** What a graph takes and gives. */
export interface GraphSchema {
  readonly inputs: readonly TensorSchema[];
  readonly outputs: readonly TensorSchema[];
}

/** The elements of a tensor in row-major order; bool as 0 and 1. */
export type TensorData = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | readonly string[];

/** The values of one input or output. `dims` begins with the number of rows, unless the tensor is a single value. */
export interface Tensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** Rows that are computed together: the tensors of all inputs, or of all outputs, by their names. */
export interface Batch {
  readonly rows: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

/** A tensor's elements from a list of them: numbers, for int64 bigints, for bool 0 and 1, or texts. */
export function tensorData(type: ElementType, elements: readonly (number | bigint | string)[]): TensorData {
  if (type === 'string') return elements as readonly string[];
  if (type === 'int64') return BigInt64Array.from(elements as readonly bigint[]);
  return arrays[type].from(elements as readonly number[]);
}

/** The number of elements of a row: the product of all dimensions but the first. */
export function elementsPerRow(dims: readonly number[]): number {
  return dims.slice(1).reduce((product, size) => product * size, 1);
}

/** Whether rows of two batches can be put into one: all dimensions but the number of rows are equal. */
export function haveEqualRows(a: Batch, b: Batch): boolean {
  return Object.entries(a.tensors).every(([name, { dims }]) => {
    const others = b.tensors[name]?.dims ?? [];
    return dims.length === others.length && dims.every((size, at) => at === 0 || size === others[at]);
  });
}

/** One batch with the rows of all, in their order. They must have equal rows, and their tensors a dimension of rows. */
export function joinBatches(batches: readonly Batch[]): Batch {
  const [first] = batches;
  if (first === undefined || batches.length === 1) return first ?? { rows: 0, tensors: {} };
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  const joined = Object.entries(first.tensors).map(([name, { type, dims }]) => {
    const parts = batches.map((batch) => batch.tensors[name]?.data ?? []);
    return [name, { type, dims: [rows, ...dims.slice(1)], data: joinData(type, parts, rows * elementsPerRow(dims)) }];
  });
  return { rows, tensors: Object.fromEntries(joined) };
}

function joinData(type: ElementType, parts: readonly TensorData[], length: number): TensorData {
  if (type === 'string') return (parts as readonly (readonly string[])[]).flat();
  const joined = new arrays[type](length);
  let at = 0;
  for (const part of parts) {
    // A typed array takes the elements of another of its own type; which type both have, the compiler does not follow.
    (joined as { set(from: TensorData, at: number): void }).set(part, at);
    at += part.length;
  }
  return joined;
}

/** The tensor with its only row as often as `copies` says. */
export function repeatRow(tensor: Tensor, copies: number): Tensor {
  const { type, dims, data } = tensor;
  if (dims.length === 0 || dims[0] !== 1 || copies === 1) return tensor;
  const parts = new Array<TensorData>(copies).fill(data);
  return { type, dims: [copies, ...dims.slice(1)], data: joinData(type, parts, copies * data.length) };
}

/** The tensor without the rows behind the first `rows`; nothing is copied. */
export function firstRows(tensor: Tensor, rows: number): Tensor {
  const { type, dims, data } = tensor;
  const [length = 0, ...rest] = dims;
  if (length <= rows) return tensor;
  const end = rows * elementsPerRow(dims);
  return { type, dims: [rows, ...rest], data: Array.isArray(data) ? data.slice(0, end) : subarray(data, 0, end) };
}

/** The rows `from` to `to`, without the latter; nothing is copied. */
export function sliceBatch(batch: Batch, from: number, to: number): Batch {
  if (from === 0 && to === batch.rows) return batch;
  const parts = Object.entries(batch.tensors).map(([name, { type, dims, data }]) => {
    const size = elementsPerRow(dims);
    const part = Array.isArray(data) ? data.slice(from * size, to * size) : subarray(data, from * size, to * size);
    return [name, { type, dims: [to - from, ...dims.slice(1)], data: part }];
  });
  return { rows: to - from, tensors: Object.fromEntries(parts) };
}

function subarray(data: TensorData, from: number, to: number): TensorData {
  return (data as Exclude<TensorData, readonly string[]>).subarray(from, to);
}
