import { fieldsOf, NoGraph, type OnnxFile, readOnnxFile } from '../../../models/onnx-file.js';

/**
 * The files next to an ONNX graph in which it keeps weights, as the graph names them; undefined for a file that is no graph. Only the
 * framing of protobuf is read, and weights are skipped: memory is a window of the file.
 * Rule: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, `TensorProto.external_data`, whose entry `location` is a path
 * relative to the graph's folder.
 */
export function externalLocations(file: string): readonly string[] | undefined {
  return readOnnxFile(file, (bytes) => {
    const locations = new Set<string>();
    walk(bytes, 'model', 0, bytes.size, 0, locations);
    return [...locations];
  });
}

type Message = 'model' | 'function' | 'graph' | 'node' | 'attribute' | 'tensor' | 'sparse';

/** The messages that lead to tensors, by the numbers of their fields. */
const parts: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 25: 'function' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
};
const externalData = 13;
const maxDepth = 100;

function walk(bytes: OnnxFile, message: Message, from: number, to: number, depth: number, found: Set<string>): void {
  if (depth > maxDepth) throw new NoGraph('nested too deep');
  for (const { field, start, end } of fieldsOf(bytes, from, to)) {
    const part = parts[message][field];
    if (part !== undefined) walk(bytes, part, start, end, depth + 1, found);
    else if (message === 'tensor' && field === externalData) {
      const entry = entryOf(bytes, start, end);
      if (entry.key === 'location') found.add(entry.value);
    }
  }
}

function entryOf(bytes: OnnxFile, from: number, to: number): { readonly key: string; readonly value: string } {
  const entry = { key: '', value: '' };
  for (const { field, start, end } of fieldsOf(bytes, from, to)) {
    if (end - start > maxText) throw new NoGraph('a text is too long');
    if (field === 1) entry.key = bytes.text(start, end);
    if (field === 2) entry.value = bytes.text(start, end);
  }
  return entry;
}

const maxText = 64 * 1024;
