import { expect, test } from 'vitest';
import { wholeNumber } from '../../../src/cli/whole-number.js';

test.each(['0', '1', '007', '100'])('%j is a whole number from 0 to 100', (text) => {
  expect(wholeNumber(0, 100)(text)).toBe(Number(text));
});

test.each(['', ' 1', '-1', '+1', '1.5', '1e2', '0x10', '101', '٣', 'NaN', 'Infinity', '9'.repeat(30)])(
  '%j is none',
  (text) => {
    expect(() => wholeNumber(0, 100)(text)).toThrow('It must be a whole number from 0 to 100.');
  },
);
