import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CopyRow, CopyRowSplitter, CopyRowWriter } from '../../../src/postgres/copy-binary.js';
import { big, copyStream, framedRow } from '../../support/copy-rows.js';

type Texts = readonly (string | null)[];

const megabyte = 1024 * 1024;
const rowOf = (texts: Texts) => framedRow(texts.map((text) => (text === null ? null : Buffer.from(text))));
const streamOf = (rows: readonly Texts[]) => copyStream(...rows.map(rowOf));

/** Any text a database can hold, rich in what the format itself is made of. */
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('\u0000', '\u0001', '\u00ff', '\uffff', 'PGCOPY\n', '\\N', '\r\n', '가', '🔮'))
    .map((parts) => parts.join('')),
);
const anyRows = fc.array(fc.array(fc.option(texts), { maxLength: 20 }));

describe('a stream', () => {
  const table: readonly Texts[] = [
    ['1', '사용자-각'.normalize('NFC'), null],
    [],
    ['', null, '🔮👨‍👩‍👧‍👦'],
    [null],
    ['\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}', '\u0000'],
  ];
  const bytes = streamOf(table);

  test('torn at any two bytes gives the same rows', () => {
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const chunks = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
        expect(read(chunks)).toEqual({ rows: table, ended: true });
      }
    }
  });

  test('of single bytes gives the same rows', () => {
    expect(read([...bytes].map((byte) => Buffer.of(byte)))).toEqual({ rows: table, ended: true });
  });

  test('of any rows, torn anywhere, gives those rows in their order', () => {
    fc.assert(
      fc.property(anyRows, fc.array(fc.nat()), (rows, cuts) => {
        const stream = streamOf(rows);
        const places = cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b);
        const chunks = [0, ...places].map((start, place) => stream.subarray(start, places[place] ?? stream.length));
        expect(read(chunks)).toEqual({ rows, ended: true });
      }),
    );
  });

  test('of no rows gives none and has ended', () => {
    expect(read([streamOf([])])).toEqual({ rows: [], ended: true });
  });

  test('gives a row as soon as its last byte has come, and not before', () => {
    for (const [place, row] of table.entries()) {
      const upto = streamOf(table.slice(0, place)).length - 2 + rowOf(row).length;
      const splitter = new CopyRowSplitter();
      const before = splitter.push(bytes.subarray(0, upto - 1));
      expect(before.map(textsOf)).toEqual(table.slice(0, place));
      expect(splitter.push(bytes.subarray(upto - 1, upto)).map(textsOf)).toEqual([row]);
    }
  });

  test('has not ended before its trailer has come, and gives no row that it was not sent whole', () => {
    for (let end = 0; end < bytes.length; end++) {
      const { rows, ended } = read([bytes.subarray(0, end)]);
      expect(ended).toBe(false);
      expect(rows).toEqual(table.slice(0, rows.length));
    }
  });

  test('is neither ended nor torn by a chunk without bytes', () => {
    const splitter = new CopyRowSplitter();
    expect(splitter.push(Buffer.alloc(0))).toEqual([]);
    expect(splitter.ended).toBe(false);
    expect(splitter.push(bytes).map(textsOf)).toEqual(table);
    expect(splitter.push(Buffer.alloc(0))).toEqual([]);
    expect(splitter.ended).toBe(true);
  });

  test('may hold rows that are larger than many chunks', () => {
    const rows = [['가'.repeat(megabyte / 3), null, 'x'], ['y'], ['🔮'.repeat(megabyte / 2), '', 'z'.repeat(megabyte)]];
    const stream = streamOf(rows);
    const chunks = Array.from({ length: Math.ceil(stream.length / 1000) }, (_, place) =>
      stream.subarray(place * 1000, (place + 1) * 1000),
    );
    const found = read(chunks);
    // Compared one by one: a difference of megabytes would take minutes to print.
    expect(found.rows.map((row, place) => row.every((text, field) => text === rows[place]?.[field]))).toEqual([
      true,
      true,
      true,
    ]);
    expect(found.ended).toBe(true);
  });

  function read(chunks: readonly Buffer[]): { rows: Texts[]; ended: boolean } {
    const splitter = new CopyRowSplitter();
    return { rows: chunks.flatMap((chunk) => splitter.push(chunk).map(textsOf)), ended: splitter.ended };
  }
});

describe('a field', () => {
  test('holds a bigint from the least to the greatest', () => {
    const all = [-(2n ** 63n), -(2n ** 53n) - 1n, -1n, 0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n];
    const row = only(framedRow(all.map((value) => big(8, value))));
    expect(all.map((_, field) => row.int64(field))).toEqual(all);
  });

  test('holds an integer from the least to the greatest', () => {
    const all = [-2_147_483_648, -1, 0, 1, 2_147_483_647];
    const row = only(framedRow(all.map((value) => big(4, value))));
    expect(all.map((_, field) => row.int32(field))).toEqual(all);
  });

  test('holds what is true and what is false', () => {
    const row = only(framedRow([Buffer.of(1), Buffer.of(0)]));
    expect([row.boolean(0), row.boolean(1)]).toEqual([true, false]);
  });

  test('holds a JSON text behind the version of its format', () => {
    expect(only(framedRow([Buffer.from('\u0001{"가": "\u0001"}')])).json(0)).toBe('{"가": "\u0001"}');
  });

  test('holds a timestamp to the microsecond', () => {
    const row = only(framedRow([big(8, 1), big(8, -1), big(8, 2n ** 63n - 1n)]));
    expect([0, 1, 2].map((field) => row.timestamp(field))).toEqual([
      '2000-01-01 00:00:00.000001+00',
      '1999-12-31 23:59:59.999999+00',
      'infinity',
    ]);
  });

  test('that is NULL is null of every type, and no empty text', () => {
    const row = only(framedRow([null, Buffer.alloc(0), null]));
    for (const field of [0, 2]) {
      expect(row.isNull(field)).toBe(true);
      expect([row.text(field), row.json(field), row.int32(field), row.boolean(field), row.timestamp(field)]).toEqual(
        Array(5).fill(null),
      );
    }
    expect([row.isNull(1), row.text(1)]).toEqual([false, '']);
  });
});

describe('a written row', () => {
  test('holds carried fields and JSON texts byte for byte', () => {
    fc.assert(
      fc.property(texts, fc.option(texts), texts, (first, middle, json) => {
        const writer = new CopyRowWriter();
        writer.begin(4);
        writer.carry(only(rowOf(['left out', first, middle, null, 'left out'])), 1, 3);
        writer.json(json);
        expect(writer.finish()).toEqual(
          framedRow([
            Buffer.from(first),
            middle === null ? null : Buffer.from(middle),
            null,
            Buffer.from(`\u0001${json}`),
          ]),
        );
      }),
    );
  });

  test('stays valid while later ones are written, small ones and such as fill the memory of many', () => {
    const lengths = Array.from({ length: 3000 }, (_, place) => (place % 500 === 499 ? megabyte : (place * 37) % 900));
    const written = new CopyRowWriter();
    const rows = lengths.map((length, place) => {
      const text = String.fromCodePoint(0xac00 + place).repeat(length / 3);
      written.begin(3);
      written.carry(only(rowOf([text, null])), 0, 1);
      written.json(text);
      const expected = framedRow([Buffer.from(text), null, Buffer.from(`\u0001${text}`)]);
      return { found: written.finish(), expected };
    });
    expect(rows.filter(({ found, expected }) => !found.equals(expected))).toHaveLength(0);
  });

  test('may have no fields', () => {
    const writer = new CopyRowWriter();
    writer.begin(0);
    expect(writer.finish()).toEqual(Buffer.of(0, 0));
  });
});

function only(row: Buffer): CopyRow {
  const [found] = new CopyRowSplitter().push(copyStream(row));
  if (found === undefined) throw new Error('no row');
  return found;
}

/** All its fields, as texts. */
function textsOf(row: CopyRow): Texts {
  const found: (string | null)[] = [];
  // A field begins with its length: one that there is begins before the end.
  for (let field = 0; row.start(field) < row.bytes.length; field++) found.push(row.text(field));
  return found;
}
