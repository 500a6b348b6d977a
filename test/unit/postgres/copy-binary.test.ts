import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CopyRow,
  CopyRowSplitter,
  CopyRowWriter,
  copyHeader,
  copyTrailer,
} from '../../../src/postgres/copy-binary.js';

const fields = fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 40 }), { nil: null }), { maxLength: 6 });

test('rows come out as they went in, wherever the stream is torn', () => {
  fc.assert(
    fc.property(
      fc.array(fields, { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 60 })),
      (rows, sizes) => {
        const stream = Buffer.concat([copyHeader, ...rows.map(framed), copyTrailer]);
        const splitter = new CopyRowSplitter();
        const found: CopyRow[] = [];
        for (let start = 0; start < stream.length; ) {
          const size = sizes.next().value ?? 1;
          found.push(...splitter.push(stream.subarray(start, start + size)));
          start += size;
        }
        expect(found.map((row, place) => (rows[place] ?? []).map((_, field) => row.text(field)))).toEqual(rows);
      },
    ),
  );
});

test('a written row holds carried fields and JSON texts byte for byte, and stays valid while later ones are written', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 3000 }), { minLength: 1, maxLength: 60 }),
      (texts) => {
        const writer = new CopyRowWriter();
        const written = texts.map((text) => {
          const [source] = new CopyRowSplitter().push(Buffer.concat([copyHeader, framed([text, null, 'kept'])]));
          if (source === undefined) throw new Error('no row');
          writer.begin(4);
          writer.carry(source, 0, 2);
          writer.json(JSON.stringify(text));
          return writer.finish();
        });
        const [...rows] = new CopyRowSplitter().push(Buffer.concat([copyHeader, ...written]));
        expect(rows.map((row) => [row.text(0), row.text(1), row.text(2), row.json(3)])).toEqual(
          texts.map((text) => [text, null, 'kept', JSON.stringify(text)]),
        );
      },
    ),
  );
});

function framed(values: readonly (string | null)[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(values.length);
  const parts = values.map((value) => {
    const bytes = Buffer.from(value ?? '', 'utf8');
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : bytes.length);
    return Buffer.concat([length, bytes]);
  });
  return Buffer.concat([count, ...parts]);
}
