import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The files next to an ONNX graph in which it keeps weights, as the graph names them; undefined for a file that is no graph. Only the
 * framing of protobuf is read, and weights are skipped: memory is a window of the file.
 * Rule: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, `TensorProto.external_data`, whose entry `location` is a path
 * relative to the graph's folder.
 */
export function externalLocations(file: string): readonly string[] | undefined {
  const fd = openSync(file, 'r');
  try {
    const bytes = new Window(fd, fstatSync(fd).size);
    const locations = new Set<string>();
    walk(bytes, 'model', 0, bytes.size, 0, locations);
    return [...locations];
  } catch (error) {
    if (error instanceof NoGraph) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
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

class NoGraph extends Error {}

function walk(bytes: Window, message: Message, from: number, to: number, depth: number, found: Set<string>): void {
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

function entryOf(bytes: Window, from: number, to: number): { readonly key: string; readonly value: string } {
  const entry = { key: '', value: '' };
  for (const { field, start, end } of fieldsOf(bytes, from, to)) {
    if (end - start > maxText) throw new NoGraph('a text is too long');
    if (field === 1) entry.key = bytes.text(start, end);
    if (field === 2) entry.value = bytes.text(start, end);
  }
  return entry;
}

const maxText = 64 * 1024;

/** The length-delimited fields of a message; others are passed over. */
function* fieldsOf(bytes: Window, from: number, to: number) {
  for (let at = from; at < to; ) {
    const [tag, afterTag] = bytes.varint(at, to);
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) at = bytes.varint(afterTag, to)[1];
    else if (wireType === 1) at = afterTag + 8;
    else if (wireType === 5) at = afterTag + 4;
    else if (wireType === 2) {
      const [length, start] = bytes.varint(afterTag, to);
      at = start + length;
      if (at <= to) yield { field, start, end: at };
    } else throw new NoGraph('an unknown wire type');
    if (at > to) throw new NoGraph('a field ends behind its message');
  }
}

/** A file, of which a part is in memory. */
class Window {
  private readonly part = Buffer.alloc(64 * 1024);
  private start = 0;
  private length = 0;

  constructor(
    private readonly fd: number,
    readonly size: number,
  ) {}

  varint(at: number, to: number): [value: number, next: number] {
    let value = 0;
    for (let place = 0; place < 10; place++) {
      if (at + place >= to) throw new NoGraph('a number is cut off');
      const byte = this.byte(at + place);
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte < 0x80) return [value, at + place + 1];
    }
    throw new NoGraph('a number is too long');
  }

  text(from: number, to: number): string {
    const bytes = Buffer.alloc(to - from);
    readSync(this.fd, bytes, 0, bytes.length, from);
    return bytes.toString('utf8');
  }

  private byte(at: number): number {
    if (at < this.start || at >= this.start + this.length) {
      this.start = at;
      this.length = readSync(this.fd, this.part, 0, this.part.length, at);
    }
    return this.part[at - this.start] ?? 0;
  }
}
