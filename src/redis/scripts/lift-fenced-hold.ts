import type { TrafficName } from '../../domain/cubes.js';
import type { StepFence } from '../../domain/step-fence.js';
import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { changedChannel, holdKey, stepFenceKey } from '../keys.js';
import { fenceKeptSeconds } from './advance-fence.js';
import { evaluate } from './evaluate.js';
import { liftFunctions } from './lift-functions.js';

const script = `
local holdKey, fenceKey = KEYS[1], KEYS[2]
local by, sequence, fenceKeptSeconds, channel, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
${liftFunctions}
local hold = readHold(holdKey)
local last = tonumber(redis.call('GET', fenceKey) or '')
if last and last > tonumber(sequence) then return end
redis.call('SET', fenceKey, sequence, 'EX', fenceKeptSeconds)
if not hold or hold.by ~= by then return end
lift(holdKey, hold, channel, name)
`;

/**
 * Lifts the hold that `by` placed, if one is in place, and records the step; does neither when a later step of the run is on
 * record. Throws `redis_unreachable`.
 */
export async function liftFencedHold(
  redis: RedisConnection,
  name: TrafficName,
  by: string,
  { holderId, sequence }: StepFence,
): Promise<void> {
  const keys = [holdKey(name), stepFenceKey(holderId)];
  const args = [by, String(sequence), String(fenceKeptSeconds), changedChannel, name];
  await evaluate(redis, script, keys, args).catch((error: unknown) => {
    throw redisFailure(error);
  });
}
