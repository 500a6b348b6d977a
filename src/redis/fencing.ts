import type { StepFence } from '../domain/step-fence.js';
import type { RedisConnection } from './connection.js';
import { redisFailure } from './failure.js';
import { stepFenceKey } from './keys.js';

/** Longer than anybody leaves a frozen worker alone. */
export const fenceKeptSeconds = 30 * 24 * 3600;
const afterEveryStep = 10 ** 15;

/** The last fence that was taken of a run; 0 when none was. Throws `redis_unreachable`. */
export async function readFence(redis: RedisConnection, holderId: string): Promise<number> {
  const text = await redis.get(stepFenceKey(holderId)).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : 0;
}

/** Takes a fence that changes nothing here; false when a later one was taken. Throws `redis_unreachable`. */
export async function advanceFence(redis: RedisConnection, { holderId, sequence }: StepFence): Promise<boolean> {
  const taken = await redis
    .eval(advanceScript, 1, stepFenceKey(holderId), String(sequence), String(fenceKeptSeconds))
    .catch((error: unknown) => {
      throw redisFailure(error);
    });
  return taken === 1;
}

/** The run has ended: whatever of it comes from now on comes late. */
export async function closeFence(redis: RedisConnection, holderId: string): Promise<void> {
  await advanceFence(redis, { holderId, sequence: afterEveryStep });
}

/** Key: a run's fences. Arguments: the fence, how long it is kept. Answers 0 when a later one was taken. */
const advanceScript = `
local last = tonumber(redis.call('GET', KEYS[1]) or '')
if last and last > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
`;
