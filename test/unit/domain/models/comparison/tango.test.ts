import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differenceUpperBound, isBelow } from '../../../../../src/domain/models/comparison/tango.js';

describe("the upper end of Tango's interval", () => {
  test('is the published one for airway hyper-responsiveness before and after a transplantation', () => {
    // M. W. Fagerland, S. Lydersen, P. Laake, Statistics in Medicine 33:2850-2875, 2014: of 21 children 1 and 7 differ, −0.517 to −0.026.
    expect(differenceUpperBound(21, 1, 7)).toBeCloseTo(-0.026, 3);
    expect(differenceUpperBound(21, 7, 1)).toBeCloseTo(0.517, 3);
  });

  test('is z²/(n + z²) without any disagreement, which 73 rows bring below 5 %', () => {
    const z2 = 1.959963984540054 ** 2;
    for (const n of [1, 72, 73, 400]) expect(differenceUpperBound(n, 0, 0)).toBeCloseTo(z2 / (n + z2), 12);
    expect(differenceUpperBound(72, 0, 0)).toBeGreaterThan(0.05);
    expect(differenceUpperBound(73, 0, 0)).toBeLessThan(0.05);
  });

  test('is that of an implementation in other formulas and another language, for 73 to 300 rows', () => {
    const lines = readFileSync(new URL('../../../../data/score-interval-bounds.csv', import.meta.url), 'utf8');
    const rows = lines.trim().split('\n').slice(1);
    expect(rows.length).toBeGreaterThan(3000);
    for (const row of rows) {
      const [n = 0, b = 0, c = 0, upper = 0] = row.split(',').map(Number);
      expect(Math.abs(differenceUpperBound(n, b, c) - upper), row).toBeLessThan(1e-9);
    }
  });

  const pairs = fc
    .tuple(
      fc.integer({ min: 1, max: 100_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
    .map(([n, some, rest]) => {
      const b = Math.floor(some * n);
      return { n, b, c: Math.floor(rest * (n - b)) };
    });

  test('lies between the observed difference and 1, and the score there is z standard errors', () => {
    fc.assert(
      fc.property(pairs, ({ n, b, c }) => {
        const bound = differenceUpperBound(n, b, c);
        expect(bound).toBeGreaterThan((b - c) / n - 1e-12);
        expect(bound).toBeLessThanOrEqual(1);
        if (b === n) return;
        expect(isBelow(n, b, c, bound)).toBe(true);
        expect(isBelow(n, b, c, Math.max(bound - 1e-9, (b - c) / n))).toBe(false);
      }),
    );
  });

  test('grows with a row more lost, falls with a row more gained, and with more rows at the same rates', () => {
    fc.assert(
      fc.property(pairs, ({ n, b, c }) => {
        const bound = differenceUpperBound(n, b, c);
        if (b + c < n) {
          expect(differenceUpperBound(n, b + 1, c)).toBeGreaterThan(bound);
          expect(differenceUpperBound(n, b, c + 1)).toBeLessThan(bound);
        }
        expect(differenceUpperBound(4 * n, 4 * b, 4 * c)).toBeLessThanOrEqual(bound);
      }),
    );
  });

  test('is 1 where nothing was compared, or all was lost', () => {
    expect(differenceUpperBound(0, 0, 0)).toBe(1);
    expect(differenceUpperBound(80, 80, 0)).toBe(1);
  });
});
