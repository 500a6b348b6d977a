import { expect, test } from 'vitest';
import { measureRouting } from '../../../bench/routing.js';

// The benchmark says how fast it is on a quiet machine; a memory of buckets that allocates would show on any.
test('decisions for known users are measured against those for new ones, and leave nothing on the heap', () => {
  const figures = measureRouting({ users: 2000, turns: 50, rounds: 3 });
  expect(figures.decisions).toBe(100_000);
  expect(figures.memoisedNanos).toBeGreaterThan(0);
  expect(figures.freshNanos).toBeGreaterThan(figures.memoisedNanos);
  // An object of five fields a decision would be more than fifty.
  expect(figures.memoisedBytes).toBeLessThan(4);
});
