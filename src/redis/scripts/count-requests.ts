import type { Rate } from '../../domain/traffic/token-bucket.js';
import type { RedisConnection } from '../connection.js';
import { rateKey } from '../keys.js';
import { evaluate } from './evaluate.js';

/** Counts requests over the limit too: the wait grows with them. */
const script = `
local bucketKey = KEYS[1]
local perSecond, burst, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local interval = 1000 / perSecond
local theoreticalArrival = tonumber(redis.call('GET', bucketKey) or '0') or 0
local next = math.max(theoreticalArrival, now) + count * interval
redis.call('SET', bucketKey, string.format('%.3f', next), 'PX', math.ceil(next - now) + 1)
return math.max(0, math.ceil(next + interval - now - burst * interval))
`;

/**
 * Counts requests that one process has admitted in a bucket that all processes share: 0, or the milliseconds until one more
 * may be admitted. Throws when Redis does not answer.
 */
export async function countSharedRequests(
  redis: RedisConnection,
  bucket: string,
  rate: Rate,
  count: number,
): Promise<number> {
  return Number(await evaluate(redis, script, [rateKey(bucket)], [rate.perSecond, rate.burst, count]));
}
