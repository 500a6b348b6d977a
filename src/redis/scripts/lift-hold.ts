import type { TrafficName } from '../../domain/cubes.js';
import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { changedChannel, holdAcknowledgementsKey, holdKey } from '../keys.js';
import { evaluate } from './evaluate.js';
import { liftFunctions } from './lift-functions.js';

const script = `
local holdKey, acknowledgementsKey = KEYS[1], KEYS[2]
local id, channel, name = ARGV[1], ARGV[2], ARGV[3]
${liftFunctions}
local hold = readHold(holdKey)
if not hold or hold.id ~= id then return 0 end
redis.call('DEL', acknowledgementsKey)
lift(holdKey, hold, channel, name)
return 1
`;

/** Lifts the hold of this id; false when it is not in place. Throws `redis_unreachable`. */
export async function liftHold(redis: RedisConnection, name: TrafficName, id: string): Promise<boolean> {
  const keys = [holdKey(name), holdAcknowledgementsKey(id)];
  const answer = await evaluate(redis, script, keys, [id, changedChannel, name]).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return answer === 1;
}
