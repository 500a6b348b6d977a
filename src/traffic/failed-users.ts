import { createHash } from 'node:crypto';
import type { Side, UserBytes } from '../domain/traffic/routing.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { failedUsersKey } from '../redis/keys.js';

/** For so long a user who goes on failing is not counted again, milliseconds. */
export const failedUserTtlMillis = 3_600_000;
/** Of each cube and side; of further ones the oldest are forgotten. */
const maxKept = 100_000;
/** In one command, so that no other waits long for it. */
const atOnce = 1000;

/**
 * Puts users who met a failure on record, the same for all gateways; returns how many of them were not there yet: those
 * are to be counted, by this gateway and by no other. Throws `redis_unreachable`, after which some may be on record.
 */
export async function recordFailedUsers(
  redis: RedisConnection,
  name: string,
  side: Side,
  users: readonly UserBytes[],
  now: number,
): Promise<number> {
  const key = failedUsersKey(name, side);
  const commands = redis.pipeline().zremrangebyscore(key, '-inf', now - failedUserTtlMillis);
  for (let from = 0; from < users.length; from += atOnce)
    commands.zadd(key, 'NX', ...users.slice(from, from + atOnce).flatMap((user) => [now, memberOf(user)]));
  commands.zremrangebyrank(key, 0, -maxKept - 1).pexpire(key, failedUserTtlMillis);
  const answers = await commands.exec().catch((error: unknown) => {
    throw redisFailure(error);
  });
  const failed = answers === null ? new Error('discarded') : answers.find(([error]) => error !== null)?.[0];
  if (answers === null || failed) throw redisFailure(failed);
  return answers.slice(1, -2).reduce((sum, [, added]) => sum + Number(added), 0);
}

/** Whoever failed counts anew. Throws `redis_unreachable`. */
export async function clearFailedUsers(redis: RedisConnection, name: string): Promise<void> {
  await redis.del(failedUsersKey(name, 'cube'), failedUsersKey(name, 'legacy')).catch((error: unknown) => {
    throw redisFailure(error);
  });
}

/** Who uses a cube need not stand in Redis by name. */
function memberOf(user: UserBytes): string {
  return createHash('sha256').update(user, 'latin1').digest('base64url').slice(0, 22);
}
