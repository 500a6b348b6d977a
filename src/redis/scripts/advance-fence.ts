import type { StepFence } from '../../domain/step-fence.js';
import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { stepFenceKey } from '../keys.js';
import { evaluate } from './evaluate.js';

/** Longer than a worker may stay frozen. */
export const fenceKeptSeconds = 30 * 24 * 3600;

const script = `
local fenceKey = KEYS[1]
local sequence, keptSeconds = ARGV[1], ARGV[2]

local last = tonumber(redis.call('GET', fenceKey) or '')
if last and last > tonumber(sequence) then return 0 end
redis.call('SET', fenceKey, sequence, 'EX', keptSeconds)
return 1
`;

/** Records a step of a run without another change; false when a later step is on record. Throws `redis_unreachable`. */
export async function advanceFence(redis: RedisConnection, { holderId, sequence }: StepFence): Promise<boolean> {
  const keys = [stepFenceKey(holderId)];
  const answer = await evaluate(redis, script, keys, [String(sequence), String(fenceKeptSeconds)]).catch(
    (error: unknown) => {
      throw redisFailure(error);
    },
  );
  return answer === 1;
}
