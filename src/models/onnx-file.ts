import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What `read` finds in a file, of which a window is in memory at a time; undefined where `read` throws `NoGraph`. */
export function readOnnxFile<T>(file: string, read: (bytes: OnnxFile) => T): T | undefined {
  const fd = openSync(file, 'r');
  try {
    return read(new OnnxFile(fd, fstatSync(fd).size));
  } catch (error) {
    if (error instanceof NoGraph) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** The bytes are no graph. */
export class NoGraph extends Error {}

/** The length-delimited fields of a message; others are passed over. */
export function* fieldsOf(bytes: OnnxFile, from: number, to: number) {
  for (const { field, isNumber, start, end } of everyField(bytes, from, to)) if (!isNumber) yield { field, start, end };
}

/** The whole numbers of a field of a message: one, or a list, which may be packed. */
export function integersOf(bytes: OnnxFile, wanted: number, from: number, to: number): readonly number[] {
  const numbers: number[] = [];
  for (const { field, start, end } of everyField(bytes, from, to)) {
    if (field !== wanted) continue;
    for (let at = start; at < end; ) {
      const [number, next] = bytes.signed(at, end);
      numbers.push(number);
      at = next;
    }
  }
  return numbers;
}

function* everyField(bytes: OnnxFile, from: number, to: number) {
  for (let at = from; at < to; ) {
    const [tag, afterTag] = bytes.varint(at, to);
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) {
      at = bytes.varint(afterTag, to)[1];
      yield { field, isNumber: true, start: afterTag, end: at };
    } else if (wireType === 1) at = afterTag + 8;
    else if (wireType === 5) at = afterTag + 4;
    else if (wireType === 2) {
      const [length, start] = bytes.varint(afterTag, to);
      at = start + length;
      if (at <= to) yield { field, isNumber: false, start, end: at };
    } else throw new NoGraph('an unknown wire type');
    if (at > to) throw new NoGraph('a field ends behind its message');
  }
}

/** A file, of which a part is in memory. */
export class OnnxFile {
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

  /** An int64, exact up to 2⁵³. */
  signed(at: number, to: number): [value: number, next: number] {
    const [, next] = this.varint(at, to);
    let value = 0n;
    for (let place = next - 1; place >= at; place--) value = (value << 7n) | BigInt(this.byte(place) & 0x7f);
    return [Number(BigInt.asIntN(64, value)), next];
  }

  text(from: number, to: number): string {
    return this.bytes(from, to).toString('utf8');
  }

  bytes(from: number, to: number): Buffer {
    const bytes = Buffer.alloc(to - from);
    readSync(this.fd, bytes, 0, bytes.length, from);
    return bytes;
  }

  private byte(at: number): number {
    if (at < this.start || at >= this.start + this.length) {
      this.start = at;
      this.length = readSync(this.fd, this.part, 0, this.part.length, at);
    }
    return this.part[at - this.start] ?? 0;
  }
}
