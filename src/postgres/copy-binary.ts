import { isWithinYears1To9999, timestampText } from './timestamp-text.js';

/**
 * PostgreSQL's COPY binary format: a header, rows of length-framed fields, a trailer. Fields pass as the bytes they are:
 * no value is escaped, decoded or encoded without need, and the target's server need not parse what it is given.
 * Rule: https://www.postgresql.org/docs/16/sql-copy.html, "Binary Format"; the fields' bytes are those of the types'
 * send functions: integers big-endian, timestamps microseconds from 2000-01-01 UTC, jsonb a version byte and its text.
 */
const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Signature, flags, and an extension area of no length. */
export const copyHeader = Buffer.concat([signature, Buffer.alloc(8)]);
export const copyTrailer = Buffer.from([0xff, 0xff]);

const nullLength = -1;

/** A row as COPY sent it: the bytes that came, and the position of each field's length. */
export class CopyRow {
  constructor(
    readonly bytes: Buffer,
    private readonly places: readonly number[],
  ) {}

  /** Where a field begins, with its length in front: what is carried whole. */
  start(field: number): number {
    return this.places[field] ?? this.bytes.length;
  }

  /** A field's length in bytes; -1 for NULL. */
  length(field: number): number {
    return this.bytes.readInt32BE(this.start(field));
  }

  isNull(field: number): boolean {
    return this.length(field) === nullLength;
  }

  text(field: number): string | null {
    const length = this.length(field);
    const start = this.start(field) + 4;
    return length === nullLength ? null : this.bytes.toString('utf8', start, start + length);
  }

  /** The text of a jsonb, whose first byte is the version of its format. */
  json(field: number): string | null {
    const length = this.length(field);
    const start = this.start(field) + 4;
    return length === nullLength ? null : this.bytes.toString('utf8', start + 1, start + length);
  }

  int32(field: number): number | null {
    return this.isNull(field) ? null : this.bytes.readInt32BE(this.start(field) + 4);
  }

  int64(field: number): bigint {
    return this.bytes.readBigInt64BE(this.start(field) + 4);
  }

  boolean(field: number): boolean | null {
    return this.isNull(field) ? null : this.bytes[this.start(field) + 4] === 1;
  }

  /** As PostgreSQL writes it in UTC with ISO dates. */
  timestamp(field: number): string | null {
    if (this.isNull(field)) return null;
    const start = this.start(field) + 4;
    return timestampText(this.bytes.readInt32BE(start), this.bytes.readUInt32BE(start + 4));
  }

  /** Whether a timestamp lies within the years 1 to 9999. */
  isWithinYears1To9999(field: number): boolean | null {
    if (this.isNull(field)) return null;
    const start = this.start(field) + 4;
    return isWithinYears1To9999(this.bytes.readInt32BE(start), this.bytes.readUInt32BE(start + 4));
  }
}

/** Splits the byte stream of a COPY into rows; memory is one chunk and one row. */
export class CopyRowSplitter {
  private rest: Buffer[] = [];
  private restLength = 0;
  /** Bytes that the current row still needs at least. */
  private wanted = copyHeader.length;
  private begun = false;

  /** Whether the trailer has come: a stream that ends without it was cut off, in a row or between two. */
  get ended(): boolean {
    return this.wanted === Number.POSITIVE_INFINITY;
  }

  /** The rows that `chunk` completes. */
  push(chunk: Buffer): CopyRow[] {
    this.rest.push(chunk);
    this.restLength += chunk.length;
    // A row larger than many chunks is put together once, not once a chunk.
    if (this.restLength < this.wanted) return [];
    const bytes = this.rest.length === 1 ? chunk : Buffer.concat(this.rest);
    const rows: CopyRow[] = [];
    let position = this.begun ? 0 : copyHeader.length;
    this.begun = true;
    for (;;) {
      const row = this.rowAt(bytes, position);
      if (typeof row === 'number') {
        this.wanted = row - position;
        break;
      }
      rows.push(row.row);
      position = row.end;
    }
    this.rest = position < bytes.length ? [bytes.subarray(position)] : [];
    this.restLength = bytes.length - position;
    return rows;
  }

  /** The row that begins at `position`, or the length that the bytes need to have to parse more of it. */
  private rowAt(bytes: Buffer, position: number): { row: CopyRow; end: number } | number {
    let end = position + 2;
    if (end > bytes.length) return end;
    const fields = bytes.readInt16BE(position);
    // The trailer: nothing comes after it.
    if (fields === -1) return Number.POSITIVE_INFINITY;
    const places = new Array<number>(fields);
    for (let field = 0; field < fields; field++) {
      if (end + 4 > bytes.length) return end + 4;
      places[field] = end;
      end += 4 + Math.max(0, bytes.readInt32BE(end));
      if (end > bytes.length) return end;
    }
    return { row: new CopyRow(bytes, places), end };
  }
}

const slabSize = 256 * 1024;

/** Writes rows for a COPY one after the other into large pieces of memory; a finished row stays valid. */
export class CopyRowWriter {
  private slab = Buffer.allocUnsafe(slabSize);
  private start = 0;
  private end = 0;

  begin(fields: number): void {
    this.start = this.end;
    this.reserve(2);
    this.end = this.slab.writeInt16BE(fields, this.end);
  }

  /** Neighbouring fields of a source row, `first` to `last`, as they came. */
  carry(row: CopyRow, first: number, last: number): void {
    const from = row.start(first);
    const length = row.start(last) + 4 + Math.max(0, row.length(last)) - from;
    this.reserve(length);
    row.bytes.copy(this.slab, this.end, from, from + length);
    this.end += length;
  }

  /** A jsonb from its text. */
  json(text: string): void {
    // A character takes three bytes at most in UTF-8, or four for a pair of them.
    this.reserve(5 + text.length * 3);
    const length = this.slab.write(text, this.end + 5, 'utf8') + 1;
    this.slab.writeInt32BE(length, this.end);
    this.slab[this.end + 4] = jsonbVersion;
    this.end += 4 + length;
  }

  /** A text, or NULL. */
  text(text: string | null): void {
    this.reserve(4 + (text?.length ?? 0) * 3);
    const length = text === null ? nullLength : this.slab.write(text, this.end + 4, 'utf8');
    this.slab.writeInt32BE(length, this.end);
    this.end += 4 + Math.max(0, length);
  }

  /** A field whose length and bytes are there already. */
  field(framed: Buffer): void {
    this.reserve(framed.length);
    this.end += framed.copy(this.slab, this.end);
  }

  finish(): Buffer {
    return this.slab.subarray(this.start, this.end);
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.slab.length) return;
    const begun = this.slab.subarray(this.start, this.end);
    this.slab = Buffer.allocUnsafe(Math.max(slabSize, (begun.length + bytes) * 2));
    begun.copy(this.slab);
    this.start = 0;
    this.end = begun.length;
  }
}

const jsonbVersion = 1;
