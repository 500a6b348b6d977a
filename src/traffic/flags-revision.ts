import type { TrafficName } from '../domain/cubes.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { flagsSeenKey } from '../redis/keys.js';

/** The report of a gateway expires after its end; a running one repeats it before. */
const keptSeconds = 3600;
export const reportEveryMillis = (keptSeconds / 2) * 1000;

/** Reports, for an hour, that a gateway uses the flags of this revision. Throws the error of the connection. */
export async function reportFlagsRevision(
  redis: RedisConnection,
  name: TrafficName,
  instanceId: string,
  revision: number,
): Promise<void> {
  await redis.set(flagsSeenKey(name, instanceId), String(revision), 'EX', keptSeconds);
}

/** Which of these gateways use flags older than `revision`, or report none. Throws `redis_unreachable`. */
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
  return instanceIds.filter((_, index) => !(Number(seen[index] ?? Number.NaN) >= revision));
}
