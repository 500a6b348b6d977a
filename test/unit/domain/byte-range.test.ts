import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readByteRange } from '../../../src/domain/byte-range.js';

test.each<[string | undefined, number, unknown]>([
  [undefined, 10, 'everything'],
  ['bytes=0-3', 10, { start: 0, end: 3 }],
  ['bytes=9-', 10, { start: 9, end: 9 }],
  ['bytes=3-100', 10, { start: 3, end: 9 }],
  ['bytes=-3', 10, { start: 7, end: 9 }],
  ['bytes=-300', 10, { start: 0, end: 9 }],
  ['BYTES=0-0', 10, { start: 0, end: 0 }],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=99999999999999999999-', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=-5', 0, 'unsatisfiable'],
  ['bytes=5-3', 10, 'everything'],
  ['bytes=0-1,3-4', 10, 'everything'],
  ['bytes=-', 10, 'everything'],
  ['bytes=a-b', 10, 'everything'],
  ['lines=0-3', 10, 'everything'],
])('%j of %d bytes is %j', (header, size, range) => {
  expect(readByteRange(header, size)).toEqual(range);
});

test('a range lies in the content, whatever the header says', () => {
  const part = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String), fc.constant(''));
  fc.assert(
    fc.property(part, part, fc.integer({ min: 0, max: 2 ** 40 }), (first, last, size) => {
      const range = readByteRange(`bytes=${first}-${last}`, size);
      if (typeof range === 'string') return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeGreaterThanOrEqual(range.start);
      expect(range.end).toBeLessThan(size);
    }),
  );
});
