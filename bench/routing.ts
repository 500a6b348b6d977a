import { chooseSide, initialFlags, ownedByLegacy, type UserBytes } from '../src/domain/traffic/routing.js';
import { bucketOf, bytesOfText, createBuckets } from '../src/traffic/bucket.js';
import { median } from './statistics.js';

/** What it costs to find the side of a request. */
export interface RoutingFigures {
  readonly decisions: number;
  /** Median over rounds, nanoseconds of processor time a decision, for users that came not long ago. */
  readonly memoisedNanos: number;
  /** The same for users whose bucket has to be calculated. */
  readonly freshNanos: number;
  /** Bytes left on the heap a decision, for users that came not long ago; 0 but for what the measuring itself leaves. */
  readonly memoisedBytes: number;
}

/** Decisions at 37 % over `users` users in turn, as the gateway makes them. */
export function measureRouting({ users = 10_000, turns = 100, rounds = 7 } = {}): RoutingFigures {
  const ids = Array.from({ length: users }, (_, place) => bytesOfText(`user-${place}`));
  const flags = { ...initialFlags, percentage: 37 };
  const buckets = createBuckets(users);
  // One object holds the request of every call, so that only what the decision allocates is measured.
  const question = {
    bucket: 0,
    userId: bytesOfText(''),
    intent: 'reads' as const,
    flags,
    ownership: ownedByLegacy,
    killed: false,
  };
  const isOnCube = (userId: UserBytes, bucket: number) => {
    question.userId = userId;
    question.bucket = bucket;
    return chooseSide(question) === 'cube';
  };
  let onCube = 0;
  // Two loops, not one with a parameter for what to call: the compiler then knows what it calls, as in the gateway.
  const decide = () => {
    let count = 0;
    for (let place = 0; place < ids.length; place++) {
      const userId = ids[place];
      if (userId !== undefined && isOnCube(userId, buckets.of(userId))) count++;
    }
    onCube = count;
  };
  const decideAnew = () => {
    for (const userId of ids) isOnCube(userId, bucketOf(userId));
  };
  const memoised = () => {
    for (let turn = 0; turn < turns; turn++) decide();
  };
  const fresh = () => {
    for (let turn = 0; turn < Math.max(1, turns / 10); turn++) decideAnew();
  };
  const [memoisedNanos, freshNanos, bytes]: [number[], number[], number[]] = [[], [], []];
  // The first rounds are the compiler's.
  for (let round = -2; round < rounds; round++) {
    const taken = nanosOf(memoised) / (users * turns);
    // One turn only: what many leave behind would be collected before it is counted.
    const before = process.memoryUsage().heapUsed;
    decide();
    const left = (process.memoryUsage().heapUsed - before) / users;
    const slow = nanosOf(fresh) / (users * Math.max(1, turns / 10));
    if (round < 0) continue;
    memoisedNanos.push(taken);
    freshNanos.push(slow);
    bytes.push(left);
  }
  if (onCube === 0) throw new Error('no user was sent to the cube: nothing was measured');
  return {
    decisions: users * turns,
    memoisedNanos: median(memoisedNanos),
    freshNanos: median(freshNanos),
    memoisedBytes: Math.max(0, median(bytes)),
  };
}

function nanosOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}
