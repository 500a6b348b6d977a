import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readInputRows } from '../../../../src/domain/models/input-rows.js';
import { readInputSchema, schemaDifference } from '../../../../src/domain/models/input-schema.js';
import { outputRows } from '../../../../src/domain/models/output-rows.js';
import {
  firstRows,
  joinBatches,
  repeatRow,
  sliceBatch,
  type TensorSchema,
} from '../../../../src/domain/models/tensors.js';

const schema: readonly TensorSchema[] = [
  { name: 'age', type: 'float32', shape: [null] },
  { name: 'scores', type: 'float64', shape: [null, 2] },
  { name: 'id', type: 'int64', shape: [null] },
  { name: 'code', type: 'int32', shape: [null, 1] },
  { name: 'member', type: 'bool', shape: [null] },
  { name: 'note', type: 'string', shape: [null] },
];
const good = { age: 1.5, scores: [1, 2], id: 3, code: [4], member: true, note: '메모' };

describe('inputs are refused by name', () => {
  test.each<[string, unknown, number, string]>([
    ['a missing input', { ...good, age: undefined }, 400, 'inputs[0].age'],
    ['an unknown input', { ...good, height: 1 }, 400, 'inputs[0].height'],
    ['a bare value for several inputs', 5, 400, 'inputs[0]'],
    ['a list for several inputs', [5], 400, 'inputs[0]'],
    ['null', null, 400, 'inputs[0]'],
    ['a text for a number', { ...good, age: '1.5' }, 400, 'inputs[0].age'],
    ['NaN as text', { ...good, age: 'NaN' }, 400, 'inputs[0].age'],
    ['null for a number', { ...good, age: null }, 400, 'inputs[0].age'],
    ['true for a number', { ...good, age: true }, 400, 'inputs[0].age'],
    ['a list for a bare value', { ...good, age: [1] }, 400, 'inputs[0].age'],
    ['NaN', { ...good, age: Number.NaN }, 422, 'inputs[0].age'],
    ['a number that JSON cannot hold', { ...good, scores: [1, Infinity] }, 422, 'inputs[0].scores'],
    ['a number beyond float32', { ...good, age: 1e39 }, 422, 'inputs[0].age'],
    ['a bare value for a list', { ...good, code: 4 }, 400, 'inputs[0].code'],
    ['a list too long', { ...good, scores: [1, 2, 3] }, 422, 'inputs[0].scores'],
    ['a list too short', { ...good, scores: [1] }, 422, 'inputs[0].scores'],
    ['a list too deep', { ...good, scores: [[1], [2]] }, 400, 'inputs[0].scores'],
    ['a fraction for an integer', { ...good, code: [4.5] }, 422, 'inputs[0].code'],
    ['an integer beyond 32 bits', { ...good, code: [2 ** 31] }, 422, 'inputs[0].code'],
    ['an integer beyond 2⁵³', { ...good, id: 2 ** 53 }, 422, 'inputs[0].id'],
    ['a short text for an integer', { ...good, id: '3' }, 400, 'inputs[0].id'],
    ['a text beyond 64 bits', { ...good, id: '9223372036854775808' }, 422, 'inputs[0].id'],
    ['a number for true', { ...good, member: 1 }, 400, 'inputs[0].member'],
    ['a number for a text', { ...good, note: 5 }, 400, 'inputs[0].note'],
    ['a text that the runtime would cut', { ...good, note: 'a\u0000b' }, 422, 'inputs[0].note'],
    ['a prototype', JSON.parse(`{"__proto__": 1, ${JSON.stringify(good).slice(1)}`), 400, 'inputs[0].__proto__'],
  ])('%s', (_, row, status, field) => {
    const sent = typeof row === 'object' && row !== null && !Array.isArray(row) ? withoutUndefined(row) : row;
    const read = readInputRows(schema, [sent]);
    expect(read).toMatchObject({ kind: 'refusal', status, field });
    expect(JSON.stringify(read)).not.toContain('메모');
  });

  test('the row of the wrong one is named', () => {
    expect(readInputRows(schema, [good, good, { ...good, age: 'x' }])).toMatchObject({ field: 'inputs[2].age' });
  });
});

test('rows of equal dimensions are one batch, and others are apart', () => {
  const read = readInputRows([{ name: 'x', type: 'float32', shape: [null, null] }], [[1], [2], [3, 4], [5]]);
  expect(read).toMatchObject({ kind: 'accepted', batches: [{ rows: 2 }, { rows: 1 }, { rows: 1 }] });
});

test('rows for a graph of a fixed number of rows are apart, and take no more memory than they have values', () => {
  const read = readInputRows([{ name: 'x', type: 'int32', shape: [4096] }], [7, 8]);
  if (read.kind === 'refusal') expect.fail(read.detail);
  expect(read.batches.map(({ tensors }) => tensors.x)).toEqual([
    { type: 'int32', dims: [1], data: Int32Array.of(7) },
    { type: 'int32', dims: [1], data: Int32Array.of(8) },
  ]);
});

test('a row is repeated for such a graph, and of what it gives the first rows are left', () => {
  const row = { type: 'int32', dims: [1, 2], data: Int32Array.of(7, 8) } as const;
  const repeated = repeatRow(row, 3);
  expect(repeated).toEqual({ type: 'int32', dims: [3, 2], data: Int32Array.of(7, 8, 7, 8, 7, 8) });
  expect(firstRows(repeated, 1)).toEqual(row);
  const text = { type: 'string', dims: [1], data: ['a'] } as const;
  expect(repeatRow(text, 2)).toEqual({ type: 'string', dims: [2], data: ['a', 'a'] });
  expect(firstRows(repeatRow(text, 2), 1)).toEqual(text);
});

test('what is read comes back as it was sent, whether joined or apart', () => {
  const rows = fc.array(
    fc.record({
      age: fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
      scores: fc.tuple(noNegativeZero(), noNegativeZero()),
      id: fc.oneof(fc.maxSafeInteger(), fc.constantFrom('9007199254740993', '-9223372036854775808')),
      code: fc.tuple(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      member: fc.boolean(),
      note: fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
    }),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(rows, fc.nat(), (sent, cut) => {
      const at = cut % sent.length;
      const [whole, first, second] = [sent, sent.slice(0, at), sent.slice(at)].map(accepted);
      const joined = joinBatches([...(first ?? []), ...(second ?? [])]);
      expect(joined).toEqual(whole?.[0]);
      expect(outputRows(joined)).toEqual(sent);
      expect(outputRows(sliceBatch(joined, 0, at))).toEqual(sent.slice(0, at));
      expect(outputRows(sliceBatch(joined, at, sent.length))).toEqual(sent.slice(at));
    }),
  );
});

describe('a declared schema', () => {
  test('is the same as that of the graph in any order', () => {
    const declared = readInputSchema(JSON.parse(JSON.stringify([...schema].reverse())));
    expect(schemaDifference(declared ?? [], schema)).toBeUndefined();
  });

  test.each<[string, TensorSchema[], string]>([
    ['name', [{ name: 'b', type: 'float32', shape: [null] }], 'no input b'],
    ['type', [{ name: 'a', type: 'float64', shape: [null] }], 'is float32 in the graph'],
    ['dimension', [{ name: 'a', type: 'float32', shape: [1] }], '[null]'],
    ['rank', [{ name: 'a', type: 'float32', shape: [null, 1] }], '[null,1]'],
    ['missing input', [], 'input a is not declared'],
  ])('differs in a %s', (_, declared, sentence) => {
    expect(schemaDifference(declared, [{ name: 'a', type: 'float32', shape: [null] }])).toContain(sentence);
  });

  test.each([
    null,
    {},
    [1],
    [{ name: 'a' }],
    [{ name: 'a', type: 'uint8', shape: [] }],
    [{ name: 'a', type: 'bool', shape: [-1] }],
  ])('is none: %j', (column) => expect(readInputSchema(column)).toBeUndefined());
});

function accepted(rows: readonly unknown[]) {
  const read = readInputRows(schema, rows);
  return read.kind === 'accepted' ? read.batches : expect.fail(read.detail);
}

function noNegativeZero() {
  return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value));
}

function withoutUndefined(row: object): object {
  return Object.defineProperties(
    {},
    Object.fromEntries(
      Object.entries(Object.getOwnPropertyDescriptors(row)).filter(([, { value }]) => value !== undefined),
    ),
  );
}
