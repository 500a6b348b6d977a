import { randomUUID } from 'node:crypto';
import type { TrafficName } from '../../domain/cubes.js';
import type { StepFence } from '../../domain/step-fence.js';
import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { changedChannel, holdKey, stepFenceKey } from '../keys.js';
import { fenceKeptSeconds } from './advance-fence.js';
import { evaluate } from './evaluate.js';

const script = `
local holdKey, fenceKey = KEYS[1], KEYS[2]
local newId, scope, millis, by = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local channel, name = ARGV[5], ARGV[6]
local sequence, fenceKeptSeconds = ARGV[7], ARGV[8]

local last = tonumber(redis.call('GET', fenceKey) or '')
if last and last > tonumber(sequence) then return { 'late', false } end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local till = now + millis
local id = newId
local text = redis.call('GET', holdKey)
local read, present = pcall(cjson.decode, text or '')
local scoped = read and type(present) == 'table' and (present.scope == 'writes' or present.scope == 'all')
if scoped and type(present.id) == 'string' and type(present.by) == 'string' and type(present['until']) == 'number' then
  if present.by ~= by then return { 'conflict', text } end
  if present.scope == scope then
    id = present.id
    till = math.max(till, present['until'])
  end
end
local hold = cjson.encode({ id = id, scope = scope, by = by })
hold = string.sub(hold, 1, -2) .. string.format(',"until":%.0f}', till)
redis.call('SET', holdKey, hold, 'PX', string.format('%.0f', till - now))
redis.call('SET', fenceKey, sequence, 'EX', fenceKeptSeconds)
redis.pcall('PUBLISH', channel, name)
return { 'placed', hold }
`;

export interface PlacedHold {
  /** `conflict`: a hold of another owner is in place. `late`: a later step of the run is on record. */
  readonly outcome: 'placed' | 'conflict' | 'late';
  /** The hold in place, as its key holds it; null for `late`. */
  readonly text: string | null;
}

/**
 * Places a hold, or extends that of the same owner and scope, by the clock of Redis. `conflict` and `late` change nothing.
 * Throws `redis_unreachable`; the hold may then be in place.
 */
export async function placeHoldAtomically(
  redis: RedisConnection,
  name: TrafficName,
  { scope, millis, by }: { readonly scope: string; readonly millis: number; readonly by: string },
  { holderId, sequence }: StepFence,
): Promise<PlacedHold> {
  const keys = [holdKey(name), stepFenceKey(holderId)];
  const step = [String(sequence), String(fenceKeptSeconds)];
  const args = [randomUUID(), scope, String(millis), by, changedChannel, name, ...step];
  const answer = await evaluate(redis, script, keys, args).catch((error: unknown) => {
    throw redisFailure(error);
  });
  const [outcome, text] = answer as readonly [PlacedHold['outcome'], string | null];
  return { outcome, text };
}
