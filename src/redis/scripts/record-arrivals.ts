import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { hostPaceKeys } from '../keys.js';
import { evaluate } from './evaluate.js';

const script = `
local arrivalsKey = KEYS[1]
local keptMillis = tonumber(ARGV[1])
local arrivals = ARGV[2]

local clock = redis.call('TIME')
local time = clock[1] * 1000 + clock[2] / 1000
for _, arrival in ipairs(cjson.decode(arrivals)) do
  redis.call('ZADD', arrivalsKey, string.format('%.3f', time - arrival[2]), arrival[1])
end
redis.call('PEXPIRE', arrivalsKey, keptMillis)
`;

/** A request, and for how many milliseconds it has arrived at least; below zero for one that may still arrive. */
export interface Arrival {
  readonly requestId: string;
  readonly ageMillis: number;
}

/** Records when requests arrived at a host, as far as the worker knows; again changes nothing. Throws `redis_unreachable`. */
export async function recordArrivals(
  redis: RedisConnection,
  host: string,
  arrivals: readonly Arrival[],
  keptMillis: number,
): Promise<void> {
  const text = JSON.stringify(arrivals.map(({ requestId, ageMillis }) => [requestId, ageMillis]));
  await evaluate(redis, script, [hostPaceKeys(host).arrivals], [Math.ceil(keptMillis), text]).catch(
    (error: unknown) => {
      throw redisFailure(error);
    },
  );
}
