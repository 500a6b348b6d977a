import type { TrafficName } from '../domain/cubes.js';
import type { RedisConnection } from '../redis/connection.js';
import { readFlags } from './flags.js';

export interface Weight {
  readonly enabled: boolean;
  readonly percentage: number;
}

/** Weights to be told beside other things: what Redis says, and while it is away what it said last. */
export interface LastWeights {
  of(name: TrafficName): Promise<Weight>;
}

export function createLastWeights(redis: RedisConnection): LastWeights {
  const last = new Map<TrafficName, Weight>();
  const underWay = new Map<TrafficName, Promise<Weight>>();
  const read = async (name: TrafficName) => {
    const before = last.get(name) ?? { enabled: true, percentage: 0 };
    const now = await readFlags(redis, name).then(
      // A text that is no percentage leaves the last good one in force.
      ({ enabled, percentage }) => ({ enabled, percentage: percentage ?? before.percentage }),
      () => before,
    );
    last.set(name, now);
    underWay.delete(name);
    return now;
  };
  return {
    // A list of a hundred runs of a kind asks once.
    of: (name) => {
      const reading = underWay.get(name) ?? read(name);
      underWay.set(name, reading);
      return reading;
    },
  };
}
