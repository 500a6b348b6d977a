import type { ColumnRule } from '../../src/domain/migration/table-rule.js';
import type { LegacySajuRecord } from '../../src/domain/saju/convert-record.js';
import { sajuRecordsMapping as mapping } from '../../src/kinds/saju-records/mapping.js';
import { type CopyRow, CopyRowSplitter } from '../../src/postgres/copy-binary.js';

/**
 * What PostgreSQL sends and takes by binary COPY, written apart from the engine, so that one can judge the other.
 * Rule: https://www.postgresql.org/docs/16/sql-copy.html, "Binary Format". Texts are those that the server writes of
 * the values, in UTC with ISO dates; null stands for NULL.
 */
const header = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const trailer = Buffer.from('ffff', 'hex');

/** A whole stream of rows. */
export function copyStream(...rows: readonly Buffer[]): Buffer {
  return Buffer.concat([header, ...rows, trailer]);
}

/** A row of these fields; `count` is how many it says it has. */
export function framedRow(fields: readonly (Buffer | null)[], count = fields.length): Buffer {
  return Buffer.concat([big(2, count), ...fields.map(framedField)]);
}

function framedField(bytes: Buffer | null): Buffer {
  return bytes === null ? big(4, -1) : Buffer.concat([big(4, bytes.length), bytes]);
}

/** A record as the server sends it for the columns that the mapping asks for. */
export function sentRecord(record: LegacySajuRecord): Buffer {
  return framedRow(
    mapping.source.columns.map((column) => {
      const value = record[column.name as keyof LegacySajuRecord];
      return value === null ? null : bytesOf(column, String(value));
    }),
  );
}

/** The same as the engine gets to see it. */
export function sourceRow(record: LegacySajuRecord): CopyRow {
  const [row] = new CopyRowSplitter().push(copyStream(sentRecord(record)));
  if (row === undefined) throw new Error('no row');
  return row;
}

/** A converted row's texts, column by column. */
export type TargetTexts = Readonly<Record<string, string | null>>;

const movedColumns = mapping.targetColumns.map((name) => columnNamed(name));

/** A time of the move, as the last field of a row. */
export const movedAt = framedField(big(8, 800_000_000_000_000n));

/** Throws unless the row has every field, the time of the move last, and nothing else. */
export function targetTexts(bytes: Buffer): TargetTexts {
  if (bytes.readInt16BE(0) !== movedColumns.length + 1) throw new Error(`${bytes.readInt16BE(0)} fields`);
  let position = 2;
  const texts = movedColumns.map((column) => {
    const length = bytes.readInt32BE(position);
    const start = position + 4;
    position = start + Math.max(0, length);
    if (position > bytes.length) throw new Error(`${column.name} is cut off`);
    return [column.name, length === -1 ? null : textOf(column, bytes.subarray(start, position))] as const;
  });
  if (bytes.length - position !== movedAt.length || bytes.readInt32BE(position) !== 8)
    throw new Error('the time of the move is not the last field');
  return Object.fromEntries(texts);
}

/** The converted row of these texts, moved at `movedField`. */
export function targetRow(texts: TargetTexts, movedField: Buffer = movedAt): Buffer {
  const fields = movedColumns.map((column) => {
    const text = texts[column.name] ?? null;
    return text === null ? null : bytesOf(column, text);
  });
  return Buffer.concat([framedRow(fields, movedColumns.length + 1), movedField]);
}

function columnNamed(name: string): ColumnRule {
  const column = mapping.target.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new Error(`no column ${name}`);
  return column;
}

function bytesOf({ name, types: [type] }: ColumnRule, text: string): Buffer {
  switch (type) {
    case 'bigint':
      return big(8, text);
    case 'integer':
      return big(4, text);
    case 'boolean':
      return Buffer.of(text === 'true' ? 1 : 0);
    case 'text':
      return Buffer.from(text);
    case 'jsonb':
      return Buffer.concat([Buffer.of(1), Buffer.from(text)]);
    case 'timestamp with time zone':
      return big(8, microsOfTimestamp(text));
  }
  throw new Error(`${name} is of the type ${type}`);
}

function textOf({ name, types: [type] }: ColumnRule, bytes: Buffer): string {
  switch (type) {
    case 'bigint':
      return bigFrom(bytes, 8).toString();
    case 'text':
      return bytes.toString();
    case 'jsonb':
      if (bytes[0] !== 1) throw new Error(`${name} is not of version 1`);
      return bytes.subarray(1).toString();
    case 'timestamp with time zone':
      return timestampOfMicros(bigFrom(bytes, 8));
  }
  throw new Error(`${name} is of the type ${type}`);
}

/** A big-endian integer of so many bytes, by its hexadecimal digits. */
export function big(bytes: number, value: bigint | number | string): Buffer {
  const digits = BigInt.asUintN(bytes * 8, BigInt(value)).toString(16);
  return Buffer.from(digits.padStart(bytes * 2, '0'), 'hex');
}

function bigFrom(bytes: Buffer, length: number): bigint {
  if (bytes.length !== length) throw new Error(`${bytes.length} bytes of ${length}`);
  return BigInt.asIntN(length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

/** After 400 years the calendar begins again: Date counts within those, from 2000 on, and whole periods are added. */
const periodYears = 400;
const periodMillis = Date.UTC(2400) - Date.UTC(2000);
const periodMicros = BigInt(periodMillis) * 1000n;
const infinity = 2n ** 63n - 1n;
const minusInfinity = -(2n ** 63n);

/** The first and the last microsecond that PostgreSQL knows, from 2000-01-01. */
export const timestampMicros = { min: -211_813_488_000_000_000n, max: 9_223_371_331_199_999_999n };

export function microsOfTimestamp(text: string): bigint {
  if (text === 'infinity') return infinity;
  if (text === '-infinity') return minusInfinity;
  const parts = /^(\d{4,})-(\d\d)-(\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00( BC)?$/.exec(text);
  if (parts === null) throw new Error(`${text} is not a timestamp`);
  const [, digits, month, rest = '', fraction = '', bc] = parts;
  const year = bc === undefined ? Number(digits) : 1 - Number(digits);
  const periods = Math.floor((year - 2000) / periodYears);
  const millis = Date.parse(`${year - periods * periodYears}-${month}-${rest.replace(' ', 'T')}Z`) - Date.UTC(2000);
  return BigInt(periods) * periodMicros + BigInt(millis) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

export function timestampOfMicros(micros: bigint): string {
  if (micros === infinity) return 'infinity';
  if (micros === minusInfinity) return '-infinity';
  const within = ((micros % periodMicros) + periodMicros) % periodMicros;
  const date = new Date(Number(within / 1000n) + Date.UTC(2000));
  const year = date.getUTCFullYear() + Number((micros - within) / periodMicros) * periodYears;
  const digits = String(year < 1 ? 1 - year : year).padStart(4, '0');
  const [monthAndDay, time] = [date.toISOString().slice(5, 10), date.toISOString().slice(11, 19)];
  const fraction = `.${String(within % 1_000_000n).padStart(6, '0')}`.replace(/\.?0*$/, '');
  return `${digits}-${monthAndDay} ${time}${fraction}+00${year < 1 ? ' BC' : ''}`;
}
