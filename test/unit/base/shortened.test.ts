import { expect, test } from 'vitest';
import { shortened } from '../../../src/base/shortened.js';

test('a text that fits stays as it is; of a longer one as much stays as fits, with no character cut in two', () => {
  expect(shortened('한글', 2)).toBe('한글');
  expect(shortened('abcdef', 4)).toBe('abc…');
  expect(shortened('ab😀def', 4)).toBe('ab…');
});
