import { type Batch, type ElementType, type Tensor, type TensorSchema, tensorData } from './tensors.js';

/** One row of a request: an object by input name, or the bare value where the graph has one input. */
export type InputRow = unknown;

/** Why inputs are refused: 400 for what no value of the type could be, 422 for one that is impossible. `field` names the input. */
export interface InputRefusal {
  readonly kind: 'refusal';
  readonly status: 400 | 422;
  readonly field: string;
  readonly detail: string;
}

export type ReadInputs = { readonly kind: 'accepted'; readonly batches: readonly Batch[] } | InputRefusal;

/**
 * The rows as tensors for a graph with these inputs. Consecutive rows are in one batch as long as their dimensions are equal and the
 * graph leaves the number of rows free; for a graph with a fixed number each row is a batch of its own.
 */
export function readInputRows(schema: readonly TensorSchema[], rows: readonly InputRow[]): ReadInputs {
  const fixedRows = schema.some(({ shape }) => shape[0] !== null);
  const batches: Batch[] = [];
  let open: OpenBatch | undefined;
  for (const [index, row] of rows.entries()) {
    const values = readRow(schema, row, index);
    if (!Array.isArray(values)) return values;
    if (open === undefined || fixedRows || !open.fits(values)) {
      if (open !== undefined) batches.push(open.close());
      open = new OpenBatch(schema, values);
    }
    open.add(values);
  }
  if (open !== undefined) batches.push(open.close());
  return { kind: 'accepted', batches };
}

type Element = number | bigint | string;

/** The value of an input in one row. */
interface RowValue {
  /** Without the dimension of rows. */
  readonly dims: readonly number[];
  readonly elements: readonly Element[];
}

class OpenBatch {
  private rows = 0;
  private readonly elements: Element[][];

  constructor(
    private readonly schema: readonly TensorSchema[],
    private readonly first: readonly RowValue[],
  ) {
    this.elements = schema.map(() => []);
  }

  fits(values: readonly RowValue[]): boolean {
    return values.every(({ dims }, at) => isSame(dims, this.first[at]?.dims ?? []));
  }

  add(values: readonly RowValue[]): void {
    this.rows += 1;
    for (const [at, { elements }] of values.entries()) {
      const all = this.elements[at];
      for (const element of elements) all?.push(element);
    }
  }

  close(): Batch {
    const tensors = this.schema.map(({ name, type, shape }, at): [string, Tensor] => {
      const elements = this.elements[at] ?? [];
      const { dims = [] } = this.first[at] ?? {};
      if (shape.length === 0) return [name, { type, dims: [], data: tensorData(type, elements) }];
      return [name, { type, dims: [this.rows, ...dims], data: tensorData(type, elements) }];
    });
    return { rows: this.rows, tensors: Object.fromEntries(tensors) };
  }
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, at) => size === b[at]);
}

function readRow(schema: readonly TensorSchema[], row: InputRow, index: number): RowValue[] | InputRefusal {
  const [only] = schema;
  const place = `inputs[${index}]`;
  if (!isObject(row)) {
    if (schema.length === 1 && only !== undefined) {
      const value = readValue(only, row, place);
      return 'kind' in value ? value : [value];
    }
    return refusal(400, place, `${place} is no object with the names of the inputs.`);
  }
  const unknown = Object.keys(row).find((name) => !schema.some((input) => input.name === name));
  if (unknown !== undefined) {
    const field = `${place}.${unknown.slice(0, 100)}`;
    return refusal(400, field, `${field} is no input of the model.`);
  }
  const values: RowValue[] = [];
  for (const input of schema) {
    const field = `${place}.${input.name}`;
    if (!Object.hasOwn(row, input.name)) return refusal(400, field, `${field} is missing.`);
    const value = readValue(input, row[input.name], field);
    if ('kind' in value) return value;
    values.push(value);
  }
  return values;
}

function readValue({ type, shape }: TensorSchema, value: unknown, field: string): RowValue | InputRefusal {
  const wanted = shape.slice(1);
  const dims: number[] = [];
  const elements: Element[] = [];
  const visit = (part: unknown, depth: number): InputRefusal | undefined => {
    const size = wanted[depth];
    if (size === undefined) {
      const element = readElement(type, part, field);
      if (typeof element === 'object') return element;
      elements.push(element);
      return undefined;
    }
    if (!Array.isArray(part)) return refusal(400, field, `${field} is no list at dimension ${depth + 1} of its shape.`);
    const length = dims[depth] ?? part.length;
    dims[depth] = length;
    if (part.length !== length || (size !== null && part.length !== size))
      return refusal(422, field, `${field} has ${part.length} values where it takes ${size ?? length}.`);
    for (const inner of part) {
      const refused = visit(inner, depth + 1);
      if (refused !== undefined) return refused;
    }
    return undefined;
  };
  const refused = visit(value, 0);
  if (refused !== undefined) return refused;
  // Below an empty list there is nothing that would say how long the lists are.
  while (dims.length < wanted.length) dims.push(wanted[dims.length] ?? 0);
  return { dims, elements };
}

const names: Readonly<Record<ElementType, string>> = {
  float32: 'number',
  float64: 'number',
  int64: 'whole number',
  int32: 'whole number',
  bool: 'true or false',
  string: 'text',
};

function readElement(type: ElementType, value: unknown, field: string): Element | InputRefusal {
  const wrong = () => refusal(400, field, `${field} is ${kindOf(value)} where it takes a ${names[type]}.`);
  switch (type) {
    case 'string':
      if (typeof value !== 'string') return wrong();
      // The runtime would end the text there without a word.
      return value.includes('\0') ? refusal(422, field, `${field} has a character of code 0.`) : value;
    case 'bool':
      if (typeof value !== 'boolean') return refusal(400, field, `${field} is ${kindOf(value)}, not true or false.`);
      return value ? 1 : 0;
    case 'float32':
    case 'float64':
      if (typeof value !== 'number') return wrong();
      return Number.isFinite(type === 'float32' ? Math.fround(value) : value)
        ? value
        : refusal(422, field, `${field} is beyond the numbers of ${type}.`);
    case 'int32':
      if (typeof value !== 'number') return wrong();
      return (value | 0) === value ? value : refusal(422, field, `${field} is no whole number of 32 bits.`);
    case 'int64':
      return readInt64(value, field) ?? wrong();
  }
}

/** Beyond 2⁵³ a number of JSON has lost digits: such an integer is a text, as in outputs. */
function readInt64(value: unknown, field: string): bigint | InputRefusal | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(value)
      ? BigInt(value)
      : refusal(422, field, `${field} is no whole number; beyond 2⁵³ send its digits as text.`);
  if (typeof value !== 'string' || !/^-?\d{16,19}$/.test(value)) return undefined;
  const integer = BigInt(value);
  if (Number.isSafeInteger(Number(value))) return undefined;
  return BigInt.asIntN(64, integer) === integer
    ? integer
    : refusal(422, field, `${field} is no whole number of 64 bits.`);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return { string: 'a text', number: 'a number', boolean: 'true or false' }[typeof value as string] ?? 'an object';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(status: 400 | 422, field: string, detail: string): InputRefusal {
  return { kind: 'refusal', status, field, detail };
}
