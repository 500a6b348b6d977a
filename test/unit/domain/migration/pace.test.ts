import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextIdleShare, waitForIdleShare, waitForRate } from '../../../../src/domain/migration/pace.js';

describe('a limit of rows a second', () => {
  test('waits for what is missing to it', () => {
    expect(waitForRate(500, 0, 1000)).toBe(500);
    expect(waitForRate(500, 200, 1000)).toBe(300);
    expect(waitForRate(500, 500, 1000)).toBe(0);
    expect(waitForRate(500, 900, 1000)).toBe(0);
    expect(waitForRate(0, 0, 1000)).toBe(0);
  });

  test('that is null never waits', () => {
    expect(waitForRate(1_000_000, 0, null)).toBe(0);
  });

  test('holds for a caller that waits as long as it says', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), fc.integer({ min: 1, max: 100_000 }), (rows, elapsed, limit) => {
        const seconds = (elapsed + waitForRate(rows, elapsed, limit)) / 1000;
        expect(rows).toBeLessThanOrEqual(limit * seconds + 1e-6);
      }),
    );
  });
});

describe('the idle share', () => {
  test('doubles from a fifth while legacy is slower than its limit, up to nine tenths', () => {
    const shares = [0];
    for (let probe = 0; probe < 6; probe++) shares.push(nextIdleShare(shares.at(-1) ?? 0, 501, 500));
    expect(shares).toEqual([0, 0.2, 0.4, 0.8, 0.9, 0.9, 0.9]);
  });

  test('halves when legacy is as fast as its limit, down to none', () => {
    let share = 0.9;
    const shares = [];
    while (share > 0) {
      share = nextIdleShare(share, 500, 500);
      shares.push(share);
    }
    expect(shares.at(-2)).toBeLessThan(0.05);
    expect(shares.length).toBeLessThan(10);
    expect(nextIdleShare(0, 500, 500)).toBe(0);
  });

  test('is none without a limit', () => {
    expect(nextIdleShare(0.9, 60_000, null)).toBe(0);
  });

  test('stays between none and nine tenths whatever the probes say', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5000)), (probes) => {
        let share = 0;
        for (const probe of probes) {
          share = nextIdleShare(share, probe, 500);
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(0.9);
        }
      }),
    );
  });

  test('is that share of the time worked and idled together', () => {
    expect(waitForIdleShare(1000, 0)).toBe(0);
    expect(waitForIdleShare(1000, 0.5)).toBe(1000);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0.01, max: 0.9, noNaN: true }),
        (worked, share) => {
          const idle = waitForIdleShare(worked, share);
          expect(idle / (worked + idle)).toBeCloseTo(share, 9);
        },
      ),
    );
  });
});
