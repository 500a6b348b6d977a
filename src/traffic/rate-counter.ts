import type { Rate } from '../domain/traffic/token-bucket.js';
import type { RedisConnection } from '../redis/connection.js';

/** As `takeToken` of src/domain/traffic/token-bucket.ts, by the clock of Redis and in one step however many processes ask. */
const takeScript = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + time[2] / 1000
  local interval = 1000 / tonumber(ARGV[1])
  local room = tonumber(ARGV[2]) * interval
  local fullAt = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
  local next = math.max(fullAt, now) + interval
  local wait = next - now - room
  if wait > 0.001 then return math.ceil(wait) end
  redis.call('SET', KEYS[1], string.format('%.3f', next), 'PX', math.ceil(next - now) + 1)
  return 0`;

/**
 * Takes a token of a bucket that all processes share: 0, or how many milliseconds until there is one. Throws when Redis
 * does not answer.
 */
export async function takeSharedToken(redis: RedisConnection, bucket: string, rate: Rate): Promise<number> {
  const wait = await redis.eval(takeScript, 1, `cubeshift:rate:${bucket}`, rate.perSecond, rate.burst);
  return Number(wait);
}

/** Counts what was let through already, over the limit too: that is paid for by a longer wait. */
const countScript = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + time[2] / 1000
  local interval = 1000 / tonumber(ARGV[1])
  local room = tonumber(ARGV[2]) * interval
  local fullAt = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
  local next = math.max(fullAt, now) + tonumber(ARGV[3]) * interval
  redis.call('SET', KEYS[1], string.format('%.3f', next), 'PX', math.ceil(next - now) + 1)
  return math.max(0, math.ceil(next + interval - now - room))`;

/**
 * Counts `count` requests that were let through elsewhere in a bucket that all processes share: 0, or how many
 * milliseconds until there is a token for one more. Throws when Redis does not answer.
 */
export async function countInShared(
  redis: RedisConnection,
  bucket: string,
  rate: Rate,
  count: number,
): Promise<number> {
  const wait = await redis.eval(countScript, 1, `cubeshift:rate:${bucket}`, rate.perSecond, rate.burst, count);
  return Number(wait);
}
