import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareSpeeds, isFaster } from '../../../../../src/domain/models/comparison/speed.js';

const pairs = (ratio: number, noise: readonly number[]) =>
  noise.map((one) => ({ usual: ratio * (10 + one), other: 10 - one / 2 }));

test('a form that takes half the time is twice as fast, by each pair', () => {
  expect(compareSpeeds(pairs(2, [0, 0, 0]))).toEqual({ pairs: 3, ratio: 2, bound: 2 });
  const noisy = compareSpeeds(pairs(2, [1, -1, 0.5, -0.5, 0, 1, -1, 0.2]));
  expect(noisy.ratio).toBeCloseTo(2, 1);
  expect(noisy.bound).toBeLessThan(noisy.ratio);
  expect(isFaster(noisy)).toBe(true);
});

test('a form that is as fast, or was timed once, is not faster', () => {
  expect(isFaster(compareSpeeds(pairs(1, [1, -1, 2, -2, 1, -1])))).toBe(false);
  expect(isFaster(compareSpeeds(pairs(3, [0])))).toBe(false);
  expect(compareSpeeds([])).toEqual({ pairs: 0, ratio: 1, bound: 0 });
});

test('the bound is at most the ratio, and turning the pairs around turns the ratio around', () => {
  const millis = fc.double({ min: 0.01, max: 1e5, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.record({ usual: millis, other: millis }), { minLength: 2, maxLength: 50 }), (measured) => {
      const { ratio, bound } = compareSpeeds(measured);
      expect(bound).toBeLessThanOrEqual(ratio * (1 + 1e-9));
      const turned = compareSpeeds(measured.map(({ usual, other }) => ({ usual: other, other: usual })));
      expect(turned.ratio * ratio).toBeCloseTo(1, 6);
    }),
  );
});
