import type { TrafficName } from '../domain/cubes.js';
import type { RedisConnection } from '../redis/connection.js';
import { readFlags } from './flags.js';

export interface Weight {
  readonly enabled: boolean;
  readonly percentage: number;
}

/** The weights in Redis, and while it is away the last known ones. */
export interface LastWeights {
  of(name: TrafficName): Promise<Weight>;
}

export function createLastWeights(redis: RedisConnection): LastWeights {
  const last = new Map<TrafficName, Weight>();
  const inFlight = new Map<TrafficName, Promise<Weight>>();
  const read = async (name: TrafficName) => {
    const before = last.get(name) ?? { enabled: true, percentage: 0 };
    const now = await readFlags(redis, name).then(
      // An invalid percentage leaves the last valid one in effect.
      ({ enabled, percentage }) => ({ enabled, percentage: percentage ?? before.percentage }),
      () => before,
    );
    last.set(name, now);
    inFlight.delete(name);
    return now;
  };
  return {
    // A list of a hundred runs of a kind reads once.
    of: (name) => {
      const reading = inFlight.get(name) ?? read(name);
      inFlight.set(name, reading);
      return reading;
    },
  };
}
