import type { TrafficName } from '../domain/cubes.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { flagsSeenKey } from '../redis/keys.js';

/** A gateway that is gone leaves nothing behind; one that is there says it again before. */
const keptSeconds = 3600;
export const reportEveryMillis = (keptSeconds / 2) * 1000;

/** Says that a gateway goes by the flags of this revision from now on, for an hour. Throws what the connection throws. */
export async function reportFlagsRevision(
  redis: RedisConnection,
  name: TrafficName,
  instanceId: string,
  revision: number,
): Promise<void> {
  await redis.set(flagsSeenKey(name, instanceId), String(revision), 'EX', keptSeconds);
}

/** Which of these gateways go by older flags than those of `revision`, or do not say by which. Throws `redis_unreachable`. */
export async function gatewaysBehind(
  redis: RedisConnection,
  name: TrafficName,
  instanceIds: readonly string[],
  revision: number,
): Promise<readonly string[]> {
  if (instanceIds.length === 0) return [];
  const seen = await redis.mget(instanceIds.map((id) => flagsSeenKey(name, id))).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return instanceIds.filter((_, place) => !(Number(seen[place] ?? Number.NaN) >= revision));
}
