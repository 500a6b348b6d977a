import { createHash } from 'node:crypto';
import type { Side } from '../domain/side.js';
import type { UserBytes } from '../domain/traffic/routing.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { failedUsersKey } from '../redis/keys.js';

/** A user who keeps failing is counted once in this time, milliseconds. */
export const failedUserTtlMillis = 3_600_000;
/** Users per cube and side; the oldest are removed first. */
const maxKept = 100_000;
/** Users in one command, so that it does not block others for long. */
const usersPerCommand = 1000;

/**
 * Records users who met a failure, in a set that all gateways share; returns how many of them were new: this gateway, and no
 * other, counts those. Throws `redis_unreachable`, after which some may be recorded.
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
  for (let from = 0; from < users.length; from += usersPerCommand)
    commands.zadd(key, 'NX', ...users.slice(from, from + usersPerCommand).flatMap((user) => [now, memberOf(user)]));
  commands.zremrangebyrank(key, 0, -maxKept - 1).pexpire(key, failedUserTtlMillis);
  const answers = await commands.exec().catch((error: unknown) => {
    throw redisFailure(error);
  });
  const failed = answers === null ? new Error('discarded') : answers.find(([error]) => error !== null)?.[0];
  if (answers === null || failed) throw redisFailure(failed);
  return answers.slice(1, -2).reduce((sum, [, added]) => sum + Number(added), 0);
}

/** Clears the record, so that users who failed before count again. Throws `redis_unreachable`. */
export async function clearFailedUsers(redis: RedisConnection, name: string): Promise<void> {
  await redis.del(failedUsersKey(name, 'cube'), failedUsersKey(name, 'legacy')).catch((error: unknown) => {
    throw redisFailure(error);
  });
}

/** Redis holds hashes, not user ids. */
function memberOf(user: UserBytes): string {
  return createHash('sha256').update(user, 'latin1').digest('base64url').slice(0, 22);
}
