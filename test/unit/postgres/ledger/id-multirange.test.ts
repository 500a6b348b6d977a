import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdRuns } from '../../../../src/postgres/ledger/id-multirange.js';

const greatest = 2n ** 63n - 1n;
const ascendingIds = fc
  .array(fc.oneof(fc.bigInt({ min: -20n, max: 60n }), fc.bigInt({ min: greatest - 20n, max: greatest })))
  .map((ids) => [...new Set(ids)].sort((a, b) => (a < b ? -1 : 1)));

function textOf(ids: readonly bigint[]): string {
  const runs = new IdRuns();
  for (const id of ids) runs.add(id);
  return runs.take();
}

/** The ids in the text of an int8multirange, as PostgreSQL reads it. */
function idsIn(text: string): bigint[] {
  return [...text.matchAll(/\[(-?\d+),(-?\d*)([\])])/g)].flatMap(([, first, last, end]) => {
    const from = BigInt(first ?? '');
    if (last === '' && end !== ')') throw new Error(`unbounded and inclusive: ${text}`);
    const to = last === '' ? greatest : BigInt(last ?? '');
    return Array.from({ length: Number(to - from) + 1 }, (_, place) => from + BigInt(place));
  });
}

test('neighbours are one run', () => {
  expect(textOf([])).toBe('{}');
  expect(textOf([5n])).toBe('{[5,5]}');
  expect(textOf([1n, 2n, 3n, 7n, 8n, 10n])).toBe('{[1,3],[7,8],[10,10]}');
  expect(textOf([-1n, 0n, 1n])).toBe('{[-1,1]}');
});

test('the greatest bigint has no successor to be a bound', () => {
  expect(textOf([greatest - 1n, greatest])).toBe(`{[${greatest - 1n},)}`);
});

test('every id is in the text, and no other', () => {
  fc.assert(
    fc.property(ascendingIds, (ids) => {
      expect(idsIn(textOf(ids))).toEqual(ids);
    }),
    { numRuns: 1000 },
  );
});

test('there are as few runs as holes allow', () => {
  fc.assert(
    fc.property(ascendingIds, (ids) => {
      const holes = ids.filter((id, place) => place > 0 && ids[place - 1] !== id - 1n).length;
      expect(textOf(ids).split('[').length - 1).toBe(ids.length === 0 ? 0 : holes + 1);
    }),
  );
});

test('what was taken is not taken again', () => {
  const runs = new IdRuns();
  runs.add(1n);
  expect(runs.take()).toBe('{[1,1]}');
  expect(runs.take()).toBe('{}');
  runs.add(2n);
  expect(runs.take()).toBe('{[2,2]}');
});
