import type { TrafficName } from '../../domain/cubes.js';
import type { StepFence } from '../../domain/step-fence.js';
import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { changedChannel, holdKey, stepFenceKey } from '../keys.js';
import { fenceKeptSeconds } from './advance-fence.js';
import { evaluate } from './evaluate.js';

const script = `
local holdKey, fenceKey = KEYS[1], KEYS[2]
local by, sequence, fenceKeptSeconds, channel, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local last = tonumber(redis.call('GET', fenceKey) or '')
if last and last > tonumber(sequence) then return 0 end
redis.call('SET', fenceKey, sequence, 'EX', fenceKeptSeconds)
local read, hold = pcall(cjson.decode, redis.call('GET', holdKey) or '')
if not read or type(hold) ~= 'table' or hold.by ~= by then return 0 end
local left = redis.call('PTTL', holdKey)
redis.call('SET', holdKey, cjson.encode({ lifted = hold.id }), 'PX', left > 0 and left or 1)
redis.pcall('PUBLISH', channel, name)
return 1
`;

/**
 * Lifts the hold that `by` placed, and records the step. Answers false where no hold of `by` is in place; does nothing at
 * all, and answers false, when a later step of the run is on record. Throws `redis_unreachable`.
 */
export async function liftHold(
  redis: RedisConnection,
  name: TrafficName,
  by: string,
  { holderId, sequence }: StepFence,
): Promise<boolean> {
  const keys = [holdKey(name), stepFenceKey(holderId)];
  const args = [by, String(sequence), String(fenceKeptSeconds), changedChannel, name];
  const answer = await evaluate(redis, script, keys, args).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return answer === 1;
}
