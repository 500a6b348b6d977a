import type { Rate } from '../../domain/traffic/token-bucket.js';
import type { RedisConnection } from '../connection.js';
import { rateKey } from '../keys.js';
import { evaluate } from './evaluate.js';

/** `takeToken` of src/domain/traffic/token-bucket.ts, by the clock of Redis: one step, however many processes call it. */
const script = `
local bucketKey = KEYS[1]
local perSecond, burst = tonumber(ARGV[1]), tonumber(ARGV[2])

local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local interval = 1000 / perSecond
local theoreticalArrival = tonumber(redis.call('GET', bucketKey) or '0') or 0
local next = math.max(theoreticalArrival, now) + interval
local wait = next - now - burst * interval
if wait > 0.001 then return math.ceil(wait) end
redis.call('SET', bucketKey, string.format('%.3f', next), 'PX', math.ceil(next - now) + 1)
return 0
`;

/**
 * Takes a token of a bucket that all processes share: 0, or the milliseconds until one is available. Throws when Redis does
 * not answer.
 */
export async function takeSharedToken(redis: RedisConnection, bucket: string, rate: Rate): Promise<number> {
  return Number(await evaluate(redis, script, [rateKey(bucket)], [rate.perSecond, rate.burst]));
}
