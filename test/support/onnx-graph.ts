import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Graphs in the format of ONNX, small enough to be written by hand: the messages and numbers of its onnx.proto. */

const types = { float32: 1, float64: 11, int64: 7, int32: 6, bool: 9, string: 8, uint8: 2 } as const;
export type GraphType = keyof typeof types;

export interface GraphValue {
  readonly name: string;
  readonly type: GraphType;
  /** A text is a free dimension. */
  readonly shape: readonly (number | string)[];
}

export interface GraphNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly domain?: string;
  readonly integers?: Readonly<Record<string, number>>;
  readonly tensor?: Readonly<Record<string, Buffer>>;
  readonly body?: Buffer;
}

export interface GraphParts {
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  /** Results of `constant`. */
  readonly constants?: readonly Buffer[];
}

/** Bytes of a model. */
export function onnxModel(parts: GraphParts, operatorSet = 20): Buffer {
  const domains = parts.nodes.flatMap(({ domain }) => domain ?? []);
  const operators = [
    message([field(1, ''), field(2, operatorSet)]),
    ...domains.map((one) => message([field(1, one), field(2, 1)])),
  ];
  return message([field(1, 10), field(7, onnxGraph(parts)), ...operators.map((set) => field(8, set))]);
}

export function onnxGraph({ nodes, inputs, outputs, constants = [] }: GraphParts): Buffer {
  return message([
    ...nodes.map((node) => field(1, onnxNode(node))),
    field(2, 'graph'),
    ...constants.map((tensor) => field(5, tensor)),
    ...inputs.map((value) => field(11, onnxValue(value))),
    ...outputs.map((value) => field(12, onnxValue(value))),
  ]);
}

/** A constant of a graph; without data a row of its own it is one value. */
export function constant(
  name: string,
  type: 'float32' | 'int64' | 'bool',
  dims: readonly number[],
  values: readonly number[],
): Buffer {
  const raw =
    type === 'float32'
      ? Buffer.from(Float32Array.from(values).buffer)
      : type === 'int64'
        ? Buffer.from(BigInt64Array.from(values, BigInt).buffer)
        : Buffer.from(values);
  return message([...dims.map((size) => field(1, size)), field(2, types[type]), field(8, name), field(9, raw)]);
}

function onnxNode({ operator, inputs, outputs, domain, integers = {}, tensor = {}, body }: GraphNode): Buffer {
  return message([
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, operator),
    ...Object.entries(integers).map(([name, value]) =>
      field(5, message([field(1, name), field(3, value), field(20, 2)])),
    ),
    ...Object.entries(tensor).map(([name, value]) =>
      field(5, message([field(1, name), field(5, value), field(20, 4)])),
    ),
    ...(body === undefined ? [] : [field(5, message([field(1, 'body'), field(6, body), field(20, 5)]))]),
    ...(domain === undefined ? [] : [field(7, domain)]),
  ]);
}

function onnxValue({ name, type, shape }: GraphValue): Buffer {
  const dimensions = shape.map((size) =>
    field(1, message([typeof size === 'number' ? field(1, size) : field(2, size)])),
  );
  const tensor = message([field(1, types[type]), field(2, message(dimensions))]);
  return message([field(1, name), field(2, message([field(1, tensor)]))]);
}

/** A field of Protocol Buffers: a whole number, or bytes with their length. */
function field(number: number, value: number | string | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

function message(fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

/** Models that tests have computed, each for what it does. */
export const testModels = {
  /** y = x + `by`, on rows of four. */
  adds: (by: number) =>
    onnxModel({
      nodes: [{ operator: 'Add', inputs: ['x', 'by'], outputs: ['y'] }],
      inputs: [{ name: 'x', type: 'float32', shape: ['n', 4] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n', 4] }],
      constants: [constant('by', 'float32', [1], [by])],
    }),
  /** Gives back what it gets, of every type. */
  everyType: () =>
    onnxModel({
      nodes: everyType.map(({ name }) => ({ operator: 'Identity', inputs: [name], outputs: [`${name}_out`] })),
      inputs: everyType,
      outputs: everyType.map((value) => ({ ...value, name: `${value.name}_out` })),
    }),
  /** y = x + x, one row at a time. */
  oneRow: () =>
    onnxModel({
      nodes: [{ operator: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      inputs: [{ name: 'x', type: 'float32', shape: [1, 3] }],
      outputs: [{ name: 'y', type: 'float32', shape: [1, 3] }],
    }),
  /** y = x + x, on as many rows as `rows` says. */
  fixedRows: (rows: number) =>
    onnxModel({
      nodes: [{ operator: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
      inputs: [{ name: 'x', type: 'float32', shape: [rows, 3] }],
      outputs: [{ name: 'y', type: 'float32', shape: [rows, 3] }],
    }),
  /** y = x less the mean of all rows. */
  mixesRows: () =>
    onnxModel({
      nodes: [
        { operator: 'ReduceMean', inputs: ['x', 'axes'], outputs: ['mean'] },
        { operator: 'Sub', inputs: ['x', 'mean'], outputs: ['y'] },
      ],
      inputs: [{ name: 'x', type: 'float32', shape: ['n', 2] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n', 2] }],
      constants: [constant('axes', 'int64', [1], [0])],
    }),
  /** y = x, rounded to one of 256 steps between the least and the greatest number of all rows. */
  roundsByAllRows: () =>
    onnxModel({
      nodes: [
        { operator: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['steps', 'scale', 'zero'] },
        { operator: 'DequantizeLinear', inputs: ['steps', 'scale', 'zero'], outputs: ['y'] },
      ],
      inputs: [{ name: 'x', type: 'float32', shape: ['n', 4] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n', 4] }],
    }),
  /** The sum of a row of any length. */
  sums: () =>
    onnxModel({
      nodes: [{ operator: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['y'], integers: { keepdims: 0 } }],
      inputs: [{ name: 'x', type: 'float32', shape: ['n', 'length'] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
      constants: [constant('axes', 'int64', [1], [1])],
    }),
  /** y = x, after `turns` times nothing: for as long as the request says. */
  takesLong: () =>
    onnxModel({
      nodes: [
        { operator: 'ReduceMax', inputs: ['turns'], outputs: ['most'], integers: { keepdims: 0 } },
        { operator: 'Loop', inputs: ['most', 'on', 'x'], outputs: ['y'], body: loopBody },
      ],
      inputs: [
        { name: 'x', type: 'float32', shape: ['n'] },
        { name: 'turns', type: 'int64', shape: ['n'] },
      ],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
      constants: [constant('on', 'bool', [], [1])],
    }),
  /** y = x + 1, by way of `size` numbers in memory. */
  takesMemory: () =>
    onnxModel({
      nodes: [
        { operator: 'ReduceMax', inputs: ['size'], outputs: ['most'], integers: { keepdims: 1 } },
        {
          operator: 'ConstantOfShape',
          inputs: ['most'],
          outputs: ['ones'],
          tensor: { value: constant('', 'float32', [1], [1]) },
        },
        { operator: 'ReduceMean', inputs: ['ones'], outputs: ['one'], integers: { keepdims: 0 } },
        { operator: 'Add', inputs: ['x', 'one'], outputs: ['y'] },
      ],
      inputs: [
        { name: 'x', type: 'float32', shape: ['n'] },
        { name: 'size', type: 'int64', shape: ['n'] },
      ],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
    }),
  /** y = x times `width`, by way of `width` numbers for each row in memory; `joins` with operators that compute each row by itself. */
  widens: (width: number, joins: boolean) =>
    onnxModel({
      nodes: [
        joins
          ? { operator: 'Mul', inputs: ['x', 'wide'], outputs: ['many'] }
          : { operator: 'Expand', inputs: ['x', 'shape'], outputs: ['many'] },
        { operator: 'ReduceSum', inputs: ['many', 'axes'], outputs: ['y'], integers: { keepdims: 0 } },
      ],
      inputs: [{ name: 'x', type: 'float32', shape: ['n', 1] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
      constants: [
        constant('axes', 'int64', [1], [1]),
        joins
          ? constant('wide', 'float32', [1, width], Array(width).fill(1))
          : constant('shape', 'int64', [2], [1, width]),
      ],
    }),
  /** The element of [10, 20, 30] at a place, which must be one of the three. */
  picks: () =>
    onnxModel({
      nodes: [{ operator: 'Gather', inputs: ['from', 'at'], outputs: ['y'] }],
      inputs: [{ name: 'at', type: 'int64', shape: ['n'] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
      constants: [constant('from', 'float32', [3], [10, 20, 30])],
    }),
  /** y = 1 / x: infinite at 0. */
  divides: () =>
    onnxModel({
      nodes: [{ operator: 'Reciprocal', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
    }),
  unknownOperator: (domain?: string) =>
    onnxModel({
      nodes: [{ operator: 'Foo', inputs: ['x'], outputs: ['y'], ...(domain === undefined ? {} : { domain }) }],
      inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
    }),
  laterOperatorSet: () =>
    onnxModel(
      {
        nodes: [{ operator: 'Relu', inputs: ['x'], outputs: ['y'] }],
        inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
        outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
      },
      99,
    ),
  bytesAsInput: () =>
    onnxModel({
      nodes: [{ operator: 'Identity', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', type: 'uint8', shape: ['n'] }],
      outputs: [{ name: 'y', type: 'uint8', shape: ['n'] }],
    }),
  /** Wants `size` numbers as soon as it is loaded. */
  large: (size: number) =>
    onnxModel({
      nodes: [
        {
          operator: 'ConstantOfShape',
          inputs: ['size'],
          outputs: ['ones'],
          tensor: { value: constant('', 'float32', [1], [1]) },
        },
        { operator: 'ReduceMean', inputs: ['ones'], outputs: ['one'], integers: { keepdims: 0 } },
        { operator: 'Add', inputs: ['x', 'one'], outputs: ['y'] },
      ],
      inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
      constants: [constant('size', 'int64', [1], [size])],
    }),
} as const;

const everyType: readonly GraphValue[] = [
  { name: 'f', type: 'float32', shape: ['n'] },
  { name: 'd', type: 'float64', shape: ['n', 2] },
  { name: 'l', type: 'int64', shape: ['n'] },
  { name: 'i', type: 'int32', shape: ['n', 1] },
  { name: 'b', type: 'bool', shape: ['n'] },
  { name: 's', type: 'string', shape: ['n'] },
];

const loopBody = onnxGraph({
  nodes: [
    { operator: 'Identity', inputs: ['on_in'], outputs: ['on_out'] },
    { operator: 'Identity', inputs: ['x_in'], outputs: ['x_out'] },
  ],
  inputs: [
    { name: 'turn', type: 'int64', shape: [] },
    { name: 'on_in', type: 'bool', shape: [] },
    { name: 'x_in', type: 'float32', shape: ['n'] },
  ],
  outputs: [
    { name: 'on_out', type: 'bool', shape: [] },
    { name: 'x_out', type: 'float32', shape: ['n'] },
  ],
});

/** Writes a model into a folder and returns its path. */
export function writeModel(folder: string, name: string, content: Buffer): string {
  const file = join(folder, `${name}.onnx`);
  writeFileSync(file, content);
  return file;
}
