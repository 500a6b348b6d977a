import fc from 'fast-check';
import { expect, test } from 'vitest';
import { passesRejectLimit } from '../../../../src/domain/migration/reject-limit.js';

test('exactly the limit is within it, one reject more is past it', () => {
  expect(passesRejectLimit({ open: 20, processed: 1000, estimated: 1000 }, 2)).toBe(false);
  expect(passesRejectLimit({ open: 21, processed: 1000, estimated: 1000 }, 2)).toBe(true);
});

test('exactly the limit is within it at every whole percentage', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 1_000_000 }), (percent, hundreds) => {
      const counts = { open: percent * hundreds, processed: hundreds * 100, estimated: 0 };
      expect(passesRejectLimit(counts, percent)).toBe(false);
      expect(passesRejectLimit({ ...counts, open: counts.open + 1 }, percent)).toBe(true);
    }),
  );
});

test('a few bad rows at the front do not stop a run that expects many', () => {
  expect(passesRejectLimit({ open: 5, processed: 5, estimated: 1000 }, 2)).toBe(false);
});

test('more rows than were expected count', () => {
  expect(passesRejectLimit({ open: 5, processed: 1000, estimated: 10 }, 2)).toBe(false);
});

test('a limit of 0 allows none, and none is within every limit', () => {
  expect(passesRejectLimit({ open: 1, processed: 1_000_000, estimated: 0 }, 0)).toBe(true);
  expect(passesRejectLimit({ open: 0, processed: 0, estimated: 0 }, 0)).toBe(false);
});

test('a limit of 100 is never passed', () => {
  expect(passesRejectLimit({ open: 1000, processed: 1000, estimated: 0 }, 100)).toBe(false);
});
