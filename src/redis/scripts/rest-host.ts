import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { hostPaceKeys } from '../keys.js';
import { evaluate } from './evaluate.js';

const script = `
local restKey = KEYS[1]
local millis = tonumber(ARGV[1])

if redis.call('PTTL', restKey) < millis then redis.call('SET', restKey, '1', 'PX', millis) end
`;

/** Gives a host that asked for it a rest from all jobs; a longer one that it has stays. Throws `redis_unreachable`. */
export async function restHost(redis: RedisConnection, host: string, millis: number): Promise<void> {
  await evaluate(redis, script, [hostPaceKeys(host).rest], [Math.ceil(millis)]).catch((error: unknown) => {
    throw redisFailure(error);
  });
}
