import { describe, expect, test } from 'vitest';
import { Random } from '../../../../legacy/random.js';
import {
  addUsers,
  type ErrorTest,
  freshErrorTest,
  likelihoodRatio,
  showsMoreErrors,
} from '../../../../src/domain/ramp/always-valid.js';
import { planSteps } from '../../../../src/domain/ramp/steps.js';

/** The error test as a ramp meets it: users in buckets, steps, looks. Every figure is told with its seed. */
const steps = [1, 5, 10, 25, 50, 100];
const users = 1000;
const looksAtAStep = 10;
const requestsAtALook = 5;

interface World {
  readonly seed: number;
  /** The chance of a request to fail. */
  readonly errorRate: number;
  /** The share of users who fail more often, and how often. */
  readonly unlucky?: { readonly share: number; readonly errorRate: number };
  /** How many times that the cube's is. */
  readonly cubeTimes?: number;
  /** Whether a user who goes on failing is counted once a step, as the gateway does, or at every look. */
  readonly countedOnce?: boolean;
}

/** Goes up the steps; returns where the test stopped it and after how many requests of the cube, if it did. */
function ramp(world: World, weights: readonly number[]): { weight: number; requests: number } | undefined {
  const random = new Random(world.seed);
  const { errorRate, unlucky, cubeTimes = 1, countedOnce = true } = world;
  // What a request does at a look, at most once for each user: failing in one of five requests or in none.
  const chance = (rate: number, times: number) => 1 - (1 - Math.min(1, rate * times)) ** requestsAtALook;
  const population = Array.from({ length: users }, () => {
    const rate = unlucky !== undefined && random.chance(unlucky.share) ? unlucky.errorRate : errorRate;
    return { bucket: random.between(0, 99), onLegacy: chance(rate, 1), onCube: chance(rate, cubeTimes) };
  });
  let state: ErrorTest = freshErrorTest;
  let requests = 0;
  for (const weight of weights) {
    const cubeUsers = population.filter(({ bucket }) => bucket < weight).length;
    const cube = new Uint16Array(looksAtAStep);
    const legacy = new Uint16Array(looksAtAStep);
    for (const { bucket, onLegacy, onCube } of population) {
      const failed = bucket < weight ? cube : legacy;
      const failing = bucket < weight ? onCube : onLegacy;
      // The looks at which a user fails, each drawn from the one before: far fewer draws than one for each look.
      let look = -1;
      do {
        look += 1 + Math.floor(Math.log(1 - random.next()) / Math.log(1 - failing));
        if (look < looksAtAStep) failed[look] = (failed[look] ?? 0) + 1;
      } while (look < looksAtAStep && !countedOnce);
    }
    for (let look = 0; look < looksAtAStep; look++) {
      requests += cubeUsers * requestsAtALook;
      state = addUsers(state, {
        cubeUsers,
        cubeFailedUsers: cube[look] ?? 0,
        legacyUsers: users - cubeUsers,
        legacyFailedUsers: legacy[look] ?? 0,
      });
      if (showsMoreErrors(state)) return { weight, requests };
    }
  }
  return undefined;
}

function falseRollbacks(world: Omit<World, 'seed'>, runs: number, firstSeed: number, weights = steps): number {
  let stopped = 0;
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) if (ramp({ ...world, seed }, weights)) stopped++;
  return stopped;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

describe('between equal sides, of 1,000 ramps at most 1 % go back', () => {
  test.each([
    { name: 'all users alike, 1 % errors', world: { errorRate: 0.01 }, seed: 10_000 },
    { name: 'all users alike, 0.1 % errors', world: { errorRate: 0.001 }, seed: 20_000 },
    {
      name: '2 % of the users fail in a third of their requests',
      world: { errorRate: 0.002, unlucky: { share: 0.02, errorRate: 0.33 } },
      seed: 30_000,
    },
  ])('$name, seeds from $seed', ({ name, world, seed }) => {
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
    const runs = 200;
    const found = Array.from({ length: runs }, (_, run) => detection(50_000 + run, times));
    const requests = found.filter((one) => one !== undefined).sort((one, other) => one - other);
    const median = requests[Math.floor(runs / 2)];
    say(
      `${times} x 1 % errors at 5 %, seeds 50000 to ${50_000 + runs - 1}: found in ${requests.length} of ${runs}, median ${median} requests of the cube`,
    );
    expect(requests.length).toBeGreaterThanOrEqual(0.95 * runs);
    expect(median).toBeLessThan(most);
  });
});

/** Single requests of ever new users, looked at after each ten of the cube; how many of the cube it took. */
function detection(seed: number, times: number): number | undefined {
  const random = new Random(seed);
  let state: ErrorTest = freshErrorTest;
  const [cubeUsers, legacyUsers] = [10, 190];
  for (let requests = cubeUsers; requests <= 20_000; requests += cubeUsers) {
    const cubeFailedUsers = hits(random, cubeUsers, 0.01 * times);
    const legacyFailedUsers = hits(random, legacyUsers, 0.01);
    state = addUsers(state, { cubeUsers, cubeFailedUsers, legacyUsers, legacyFailedUsers });
    if (likelihoodRatio(state) > 100) return requests;
  }
  return undefined;
}

function hits(random: Random, tries: number, share: number): number {
  let count = 0;
  for (let one = 0; one < tries; one++) if (random.chance(share)) count++;
  return count;
}

test('the usual steps of an hour each are ten', () => {
  expect(planSteps({ target: 100 })).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
});
