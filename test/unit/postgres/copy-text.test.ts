import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CopyLineSplitter, copyField, splitCopyLine } from '../../../src/postgres/copy-text.js';

/** Any text a database can hold, rich in what the format treats specially. */
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom('\\', '\t', '\n', '\r', '\b', '\f', '\v', 'N', '.', 'n', 't', 'x', '0', '1', '가', '🔮'))
    .map((parts) => parts.join('')),
);
const rows = fc.array(fc.option(texts), { minLength: 1, maxLength: 20 });

const lineOf = (fields: readonly (string | null)[]) => fields.map(copyField).join('\t');

describe('a row', () => {
  test('comes back field by field, whatever is in it', () => {
    fc.assert(
      fc.property(rows, (fields) => {
        expect(splitCopyLine(lineOf(fields))).toEqual(fields);
      }),
      { numRuns: 5000 },
    );
  });

  test('comes back even with halves of surrogate pairs', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const text = String.fromCharCode(...units);
        expect(splitCopyLine(copyField(text))).toEqual([text]);
      }),
    );
  });

  test('holds no raw tab, line feed or carriage return inside a field', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(copyField(text)).not.toMatch(/[\t\n\r]/);
      }),
    );
  });

  test('is never the mark that ends a COPY, and NULL is no text', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(copyField(text)).not.toBe('\\.');
        expect(copyField(text)).not.toBe('\\N');
      }),
    );
    expect(copyField('\\.')).toBe('\\\\.');
    expect(copyField('\\N')).toBe('\\\\N');
    expect(copyField(null)).toBe('\\N');
  });

  test('is written as PostgreSQL reads it', () => {
    // Rule: https://www.postgresql.org/docs/16/sql-copy.html, "Text Format".
    expect(copyField('a\\b\tc\nd\re')).toBe('a\\\\b\\tc\\nd\\re');
    expect(copyField('\b\f\v\u0001가🔮')).toBe('\b\f\v\u0001가🔮');
    expect(copyField('')).toBe('');
  });

  test('is read as PostgreSQL writes it', () => {
    expect(splitCopyLine('1\t\\N\t\tN\ta\\\\Nb\t\\\\N')).toEqual(['1', null, '', 'N', 'a\\Nb', '\\N']);
    expect(splitCopyLine('\\b\\f\\n\\r\\t\\v')).toEqual(['\b\f\n\r\t\v']);
    expect(splitCopyLine('a\\nb\\\\nc\\\\\\nd')).toEqual(['a\nb\\nc\\\nd']);
    expect(splitCopyLine('\\q\\"')).toEqual(['q"']);
    expect(splitCopyLine('\\Nx\tx\\N')).toEqual(['Nx', 'xN']);
    expect(splitCopyLine('a\\\nb')).toEqual(['a\nb']);
    expect(splitCopyLine('')).toEqual(['']);
    expect(splitCopyLine('\t')).toEqual(['', '']);
  });
});

describe('a stream', () => {
  const table = [
    ['1', '사용자-각'.normalize('NFC'), null],
    ['2', '사용자-각'.normalize('NFD'), '🔮👨‍👩‍👧‍👦'],
    ['3', '', 'a\tb\nc\\d\re'],
    ['4', '\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}', '\\.'],
  ];
  const bytes = Buffer.from(table.map((fields) => `${lineOf(fields)}\n`).join(''));

  test('torn at any two bytes gives the same rows', () => {
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const chunks = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
        expect(rowsOf(chunks)).toEqual({ rows: table, torn: false });
      }
    }
  });

  test('of single bytes gives the same rows', () => {
    expect(rowsOf([...bytes].map((byte) => Buffer.of(byte)))).toEqual({ rows: table, torn: false });
  });

  test('of any rows, torn anywhere, gives those rows in their order', () => {
    fc.assert(
      fc.property(fc.array(rows), fc.array(fc.nat()), (content, cuts) => {
        const stream = Buffer.from(content.map((fields) => `${lineOf(fields)}\n`).join(''));
        const places = cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b);
        const chunks = [0, ...places].map((start, place) => stream.subarray(start, places[place] ?? stream.length));
        expect(rowsOf(chunks)).toEqual({ rows: content, torn: false });
      }),
    );
  });

  test('gives a row as soon as its line feed has come, and not before', () => {
    const splitter = new CopyLineSplitter();
    expect(splitter.push(Buffer.from('1\ta'))).toEqual([]);
    expect(splitter.push(Buffer.from('b\n2\tc\n3'))).toEqual(['1\tab', '2\tc']);
    expect(splitter.torn).toBe(true);
    expect(splitter.push(Buffer.from('\n'))).toEqual(['3']);
    expect(splitter.torn).toBe(false);
  });

  test('that ends in the middle of a line is torn there', () => {
    for (let end = 0; end < bytes.length; end++) {
      const { rows: found, torn } = rowsOf([bytes.subarray(0, end)]);
      expect(torn).toBe(end > 0 && bytes[end - 1] !== 0x0a);
      expect(found).toEqual(table.slice(0, found.length));
    }
  });

  test('is not torn by a chunk without bytes', () => {
    const splitter = new CopyLineSplitter();
    expect(splitter.push(Buffer.alloc(0))).toEqual([]);
    expect(splitter.torn).toBe(false);
  });

  function rowsOf(chunks: readonly Buffer[]): { rows: (string | null)[][]; torn: boolean } {
    const splitter = new CopyLineSplitter();
    const found = chunks.flatMap((chunk) => splitter.push(chunk).map(splitCopyLine));
    return { rows: found, torn: splitter.torn };
  }
});
