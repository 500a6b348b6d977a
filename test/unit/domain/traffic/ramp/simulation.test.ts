import { describe, expect, test } from 'vitest';
import { detections, equalWorlds, falseRollbacks } from '../../../../../bench/gate.js';
import { planSteps } from '../../../../../src/domain/traffic/ramp/steps.js';

/** The error test as a ramp meets it (bench/gate.ts). Every figure is told with its seed. */

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

describe('between equal sides, of 1,000 ramps at most 1 % go back', () => {
  test.each(equalWorlds)('$name, seeds from $seed', ({ name, world, seed }) => {
    const stopped = falseRollbacks(world, 1000, seed);
    say(`A/A, ${name}, seeds ${seed} to ${seed + 999}: ${stopped} of 1000 ramps went back`);
    expect(stopped).toBeLessThanOrEqual(10);
  });

  test('at 5 % with 1000 users of 50 requests, looked at 200 times, seeds from 40000', () => {
    const stopped = falseRollbacks({ errorRate: 0.01 }, 1000, 40_000, Array(20).fill(5));
    say(`A/A, 5 % looked at 200 times, seeds 40000 to 40999: ${stopped} of 1000 went back`);
    expect(stopped).toBeLessThanOrEqual(10);
  });
});

test('counting a user who goes on failing at every look breaks the promise: that is why it is once', () => {
  const world = { errorRate: 0.002, unlucky: { share: 0.02, errorRate: 0.33 }, countedOnce: false };
  const stopped = falseRollbacks(world, 200, 30_000);
  say(`A/A, unlucky users counted at every look, seeds 30000 to 30199: ${stopped} of 200 ramps went back`);
  expect(stopped).toBeGreaterThan(10);
});

describe('a planted error rate is found at 5 %', () => {
  test.each([
    { times: 2, most: 6000 },
    { times: 5, most: 400 },
    { times: 10, most: 250 },
  ])('$times times legacy’s 1 %, in the median after fewer than $most requests', ({ times, most }) => {
    const { found, runs, median } = detections(times, 200, 50_000);
    say(
      `${times} x 1 % errors at 5 %, seeds 50000 to 50199: found in ${found} of ${runs}, median ${median} requests of the cube`,
    );
    expect(found).toBeGreaterThanOrEqual(0.95 * runs);
    expect(median).toBeLessThan(most);
  });
});

test('the usual steps of an hour each are ten', () => {
  expect(planSteps({ target: 100 })).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
});
