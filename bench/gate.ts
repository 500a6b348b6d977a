import { Random } from '../legacy/random.js';
import {
  addUsers,
  type ErrorTest,
  freshErrorTest,
  likelihoodRatio,
  showsMoreErrors,
} from '../src/domain/traffic/ramp/always-valid.js';

/** The error test as a ramp meets it: users in buckets, steps, observations. Every figure names its seed. */
const steps = [1, 5, 10, 25, 50, 100];
const users = 1000;
const looksAtAStep = 10;
const requestsAtALook = 5;

export interface World {
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

/** How many of `runs` ramps between equal sides go back; the first has the seed `firstSeed`, the next one more. */
export function falseRollbacks(world: Omit<World, 'seed'>, runs: number, firstSeed: number, weights = steps): number {
  let stopped = 0;
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) if (ramp({ ...world, seed }, weights)) stopped++;
  return stopped;
}

/** Worlds in which the sides are equal. */
export const equalWorlds = [
  { name: 'all users alike, 1 % errors', world: { errorRate: 0.01 }, seed: 10_000 },
  { name: 'all users alike, 0.1 % errors', world: { errorRate: 0.001 }, seed: 20_000 },
  {
    name: '2 % of the users fail in a third of their requests',
    world: { errorRate: 0.002, unlucky: { share: 0.02, errorRate: 0.33 } },
    seed: 30_000,
  },
] as const;

export interface Detection {
  readonly found: number;
  readonly runs: number;
  /** Requests of the cube that it took, in the median. */
  readonly median: number;
}

/** An error rate so many times legacy's 1 %, met at 5 %; seeds from `firstSeed`. */
export function detections(times: number, runs: number, firstSeed: number): Detection {
  const all = Array.from({ length: runs }, (_, run) => detection(firstSeed + run, times));
  const requests = all.filter((one) => one !== undefined).sort((one, other) => one - other);
  return { found: requests.length, runs, median: requests[Math.floor(runs / 2)] ?? Number.NaN };
}

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
