import { expect, test } from 'vitest';
import { movedRows } from '../../../src/cli/follow-migration.js';

test.each([
  [{ migrated: 0, rejected: 0, total: 0, total_estimated: true }, 'no row moved yet'],
  [{ migrated: 9, rejected: 1, total: 2000, total_estimated: true }, '9 moved, 1 rejected of about 2000'],
  [{ migrated: 1980, rejected: 20, total: 2000, total_estimated: false }, '1980 moved, 20 rejected of 2000'],
  [{ migrated: 0, rejected: 0, total: 0, total_estimated: false }, '0 moved, 0 rejected of 0'],
])('of %j it is said: %s', (progress, expected) => {
  expect(movedRows(progress)).toBe(expected);
});
