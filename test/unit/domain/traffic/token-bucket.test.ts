import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Rate, takeToken } from '../../../../src/domain/traffic/token-bucket.js';

/** Plays times of asking, in order, against one bucket; returns which were let through. */
function play(times: readonly number[], rate: Rate): readonly number[] {
  let theoreticalArrival = 0;
  return times.filter((now) => {
    const taken = takeToken(theoreticalArrival, now, rate);
    theoreticalArrival = taken.theoreticalArrival;
    return taken.waitMillis === 0;
  });
}

test('a burst at once, then one each interval', () => {
  const rate = { perSecond: 2, burst: 3 };
  expect(play([1000, 1000, 1000, 1000, 1499, 1500, 1600, 2000], rate)).toEqual([1000, 1000, 1000, 1500, 2000]);
});

test('a client that waits for the stated time is served, and not a moment before', () => {
  const rates = fc.record({ perSecond: fc.integer({ min: 1, max: 1000 }), burst: fc.integer({ min: 1, max: 100 }) });
  fc.assert(
    fc.property(rates, fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }), (rate, gaps) => {
      let [theoreticalArrival, now] = [0, 1_764_000_000_000];
      for (const gap of gaps) {
        now += gap;
        const { waitMillis, theoreticalArrival: next } = takeToken(theoreticalArrival, now, rate);
        if (waitMillis > 0) {
          expect(next).toBe(theoreticalArrival);
          expect(takeToken(theoreticalArrival, now + waitMillis + 0.01, rate).waitMillis).toBe(0);
          expect(takeToken(theoreticalArrival, now + waitMillis - 0.01, rate).waitMillis).toBeGreaterThan(0);
        }
        theoreticalArrival = next;
      }
    }),
  );
});

test('over any stretch of time no more than the burst and the rate come through', () => {
  fc.assert(
    fc.property(
      fc.record({ perSecond: fc.integer({ min: 1, max: 100 }), burst: fc.integer({ min: 1, max: 20 }) }),
      fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 300 }),
      (rate, gaps) => {
        let now = 1_764_000_000_000;
        const through = play(
          gaps.map((gap) => {
            now += gap;
            return now;
          }),
          rate,
        );
        const first = through[0] ?? now;
        expect(through.length).toBeLessThanOrEqual(rate.burst + ((now - first) / 1000) * rate.perSecond + 1e-6);
      },
    ),
  );
});
