import type { RedisConnection } from './connection.js';
import { redisFailure } from './failure.js';
import { stepFenceKey } from './keys.js';
import { advanceFence } from './scripts/advance-fence.js';

const afterEveryStep = 10 ** 15;

/** The sequence number of the last step of a run on record; 0 without one. Throws `redis_unreachable`. */
export async function readFence(redis: RedisConnection, holderId: string): Promise<number> {
  const text = await redis.get(stepFenceKey(holderId)).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : 0;
}

/** Closes the fence of a run that has ended: every step of it that arrives later changes nothing. Throws `redis_unreachable`. */
export async function closeFence(redis: RedisConnection, holderId: string): Promise<void> {
  await advanceFence(redis, { holderId, sequence: afterEveryStep });
}
