import { fieldsOf, integersOf, NoGraph, type OnnxFile } from './onnx-file.js';

/** A node of a graph, as far as the independence of rows is a matter of it. */
export interface GraphNode {
  /** With its domain in front, unless that is ONNX's own. */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The whole numbers of an attribute; undefined where the node has no such attribute. */
  integers(attribute: string): readonly number[] | undefined;
  texts(attribute: string): readonly string[];
  /** The numbers of a small constant, of a node `Constant`. */
  constant(): readonly number[] | undefined;
}

export interface GraphNodes {
  /** In the order in which they are computed. */
  readonly nodes: Iterable<GraphNode>;
  /** Weights and other constants by name; undefined for the numbers of those that are large or not of int64. */
  readonly constants: ReadonlyMap<string, readonly number[] | undefined>;
}

/**
 * The outermost graph of a model. Undefined for one with functions of its own, which could give operators another meaning.
 * Rule: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto for the numbers of fields.
 */
export function graphNodes(bytes: OnnxFile): GraphNodes | undefined {
  const parts = [...fieldsOf(bytes, 0, bytes.size)];
  const graphs = parts.filter(({ field }) => field === 7);
  const [graph] = graphs;
  if (graph === undefined || graphs.length > 1) throw new NoGraph('not one graph');
  if (parts.some(({ field }) => field === 25)) return undefined;
  const fields = [...fieldsOf(bytes, graph.start, graph.end)];
  const constants = new Map<string, readonly number[] | undefined>();
  for (const { field, start, end } of fields)
    if (field === 5) constants.set(textOf(bytes, 8, start, end), tensorIntegers(bytes, start, end));
  return {
    nodes: fields.filter(({ field }) => field === 1).map(({ start, end }) => readNode(bytes, start, end)),
    constants,
  };
}

function readNode(bytes: OnnxFile, from: number, to: number): GraphNode {
  const [inputs, outputs]: [string[], string[]] = [[], []];
  const attributes = new Map<string, { readonly start: number; readonly end: number }>();
  for (const { field, start, end } of fieldsOf(bytes, from, to)) {
    if (field === 1) inputs.push(bytes.text(start, end));
    if (field === 2) outputs.push(bytes.text(start, end));
    if (field === 5) attributes.set(textOf(bytes, 1, start, end), { start, end });
  }
  const domain = textOf(bytes, 7, from, to);
  const operator = textOf(bytes, 4, from, to);
  return {
    operator: domain === '' || domain === 'ai.onnx' ? operator : `${domain}:${operator}`,
    inputs,
    outputs,
    integers(name) {
      const at = attributes.get(name);
      return at && [...integersOf(bytes, 3, at.start, at.end), ...integersOf(bytes, 8, at.start, at.end)];
    },
    texts(name) {
      const at = attributes.get(name);
      const fields = at === undefined ? [] : [...fieldsOf(bytes, at.start, at.end)];
      return fields.filter(({ field }) => field === 4 || field === 9).map(({ start, end }) => bytes.text(start, end));
    },
    constant() {
      const at = attributes.get('value');
      const tensor = at && [...fieldsOf(bytes, at.start, at.end)].find(({ field }) => field === 5);
      return tensor && tensorIntegers(bytes, tensor.start, tensor.end);
    },
  };
}

const int64 = 7;
const maxBytes = 64;

function tensorIntegers(bytes: OnnxFile, from: number, to: number): readonly number[] | undefined {
  if (integersOf(bytes, 2, from, to)[0] !== int64) return undefined;
  const raw = [...fieldsOf(bytes, from, to)].find(({ field }) => field === 9);
  if (raw === undefined) {
    const numbers = integersOf(bytes, 7, from, to);
    return numbers.length > 0 && numbers.length * 8 <= maxBytes ? numbers : undefined;
  }
  if (raw.end - raw.start > maxBytes || (raw.end - raw.start) % 8 > 0) return undefined;
  const content = bytes.bytes(raw.start, raw.end);
  return Array.from({ length: content.length / 8 }, (_, at) => Number(content.readBigInt64LE(at * 8)));
}

function textOf(bytes: OnnxFile, wanted: number, from: number, to: number): string {
  for (const { field, start, end } of fieldsOf(bytes, from, to)) if (field === wanted) return bytes.text(start, end);
  return '';
}
