import { randomUUID } from 'node:crypto';
import { Failure } from '../base/failures.js';
import type { TrafficName } from '../domain/cubes.js';
import type { StepFence } from '../domain/step-fence.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { fenceKeptSeconds } from '../redis/fencing.js';
import { holdAcknowledgementsKey, holdKey, stepFenceKey } from '../redis/keys.js';
import { changedChannel } from '../registry/instances.js';

/** What waits at the gateways: the writes of a kind, or everything. */
export type HoldScope = 'writes' | 'all';

export interface Hold {
  readonly id: string;
  readonly scope: HoldScope;
  /** When gateways let go by themselves, milliseconds since 1970 by Redis' clock. */
  readonly until: number;
  /** Who placed it; the same one may place it again to make it longer. */
  readonly by: string;
}

export interface HoldRequest {
  readonly scope: HoldScope;
  /** From now on, 1 to 600. */
  readonly seconds: number;
  readonly by: string;
}

const maxSeconds = 600;

/**
 * Places a hold, or makes that of the same `by` end later (never sooner) under the same id: repeating a step that placed
 * one is harmless. A hold of another scope is a new one, to be acknowledged anew. Throws `conflict` when somebody else's
 * is in place, and `redis_unreachable`. It ends by itself in any case, so that nobody waits for a maker who died.
 */
export async function placeHold(redis: RedisConnection, name: TrafficName, request: HoldRequest): Promise<Hold> {
  const hold = await place(redis, name, request, undefined);
  if (hold === null) throw new Error('a hold without a fence cannot come late');
  return hold;
}

/**
 * As `placeHold`, for a run that counts its changes: null, and nothing changed, when a later fence of it was taken. The same
 * fence may place it again and again.
 */
export function placeFencedHold(
  redis: RedisConnection,
  name: TrafficName,
  request: HoldRequest,
  fence: StepFence,
): Promise<Hold | null> {
  return place(redis, name, request, fence);
}

async function place(
  redis: RedisConnection,
  name: TrafficName,
  request: HoldRequest,
  fence: StepFence | undefined,
): Promise<Hold | null> {
  const { scope, seconds, by } = request;
  if (!(seconds >= 1 && seconds <= maxSeconds))
    throw new Failure('invalid_input', `A hold lasts 1 to ${maxSeconds} seconds.`, { details: { field: 'seconds' } });
  const answer = await redis
    .eval(
      placeScript,
      fence === undefined ? 1 : 2,
      holdKey(name),
      ...(fence === undefined ? [] : [stepFenceKey(fence.holderId)]),
      randomUUID(),
      scope,
      String(Math.ceil(seconds * 1000)),
      by,
      changedChannel,
      name,
      fence === undefined ? '' : String(fence.sequence),
      String(fenceKeptSeconds),
    )
    .catch((error: unknown) => {
      throw redisFailure(error);
    });
  const [placed, text] = answer as readonly unknown[];
  if (placed === late) return null;
  const hold = readHold(text);
  if (placed === 1 && hold !== null) return hold;
  throw new Failure('conflict', `Traffic of ${name} is held already${hold === null ? '' : ` by ${hold.by}`}.`, {
    hint: 'Wait until that hold is lifted or over.',
  });
}

/** Ends the hold of this id; false when there is none of it any more. Throws `redis_unreachable`. */
export async function liftHold(redis: RedisConnection, name: TrafficName, id: string): Promise<boolean> {
  const lifted = await redis
    .eval(liftScript, 2, holdKey(name), holdAcknowledgementsKey(id), id, changedChannel, name)
    .catch((error: unknown) => {
      throw redisFailure(error);
    });
  return lifted === 1;
}

/**
 * Ends the hold that `by` placed, if one is in place, and takes the fence; does neither when a later fence of the run was
 * taken. Throws `redis_unreachable`.
 */
export async function liftFencedHold(
  redis: RedisConnection,
  name: TrafficName,
  by: string,
  fence: StepFence,
): Promise<void> {
  await redis
    .eval(
      liftInTurnScript,
      2,
      holdKey(name),
      stepFenceKey(fence.holderId),
      by,
      String(fence.sequence),
      String(fenceKeptSeconds),
      changedChannel,
      name,
    )
    .catch((error: unknown) => {
      throw redisFailure(error);
    });
}

/** The hold in place, or null. Throws `redis_unreachable`. */
export async function readHoldOn(redis: RedisConnection, name: TrafficName): Promise<Hold | null> {
  return readHold(
    await redis.get(holdKey(name)).catch((error: unknown) => {
      throw redisFailure(error);
    }),
  );
}

/**
 * Until when each gateway instance keeps the hold whatever happens to its connection, milliseconds since 1970 by Redis'
 * clock. An instance that is missing has not taken it up. Throws `redis_unreachable`.
 */
export async function acknowledgements(redis: RedisConnection, id: string): Promise<ReadonlyMap<string, number>> {
  const entries = await redis.hgetall(holdAcknowledgementsKey(id)).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return new Map(Object.entries(entries).map(([instance, until]) => [instance, Number(until)]));
}

/** The text of a hold's key; null for whatever is none. */
export function readHold(text: unknown): Hold | null {
  if (typeof text !== 'string') return null;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { id, scope, until, by } = parsed as Record<string, unknown>;
    const whole = typeof id === 'string' && typeof until === 'number' && typeof by === 'string';
    return whole && (scope === 'writes' || scope === 'all') ? { id, scope, until, by } : null;
  } catch {
    return null;
  }
}

/** Whether the text of a hold's key says that the last one was lifted. A key that is not there says nothing: Redis may have lost it. */
export function announcesLift(text: unknown): boolean {
  return typeof text === 'string' && text.startsWith('{"lifted":');
}

const late = 2;

/**
 * Keys: the hold, and a run's fences where it counts them. Arguments: id, scope, milliseconds, by, channel, name, the fence and
 * how long it is kept. Answers 1 and the hold, 0 and the other's, or 2 when a later fence was taken.
 */
const placeScript = `
local last = KEYS[2] and tonumber(redis.call('GET', KEYS[2]) or '')
if last and last > tonumber(ARGV[7]) then return { 2, false } end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local till = now + tonumber(ARGV[3])
local id = ARGV[1]
local text = redis.call('GET', KEYS[1])
local read, there = pcall(cjson.decode, text or '')
local scoped = read and type(there) == 'table' and (there.scope == 'writes' or there.scope == 'all')
if scoped and type(there.id) == 'string' and type(there.by) == 'string' and type(there['until']) == 'number' then
  if there.by ~= ARGV[4] then return { 0, text } end
  if there.scope == ARGV[2] then
    id = there.id
    till = math.max(till, there['until'])
  end
end
local hold = cjson.encode({ id = id, scope = ARGV[2], by = ARGV[4] })
hold = string.sub(hold, 1, -2) .. string.format(',"until":%.0f}', till)
redis.call('SET', KEYS[1], hold, 'PX', string.format('%.0f', till - now))
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[7], 'EX', ARGV[8]) end
redis.pcall('PUBLISH', ARGV[5], ARGV[6])
return { 1, hold }
`;

/** What both ways to lift a hold begin with: the hold as it stands under the first key, and how it is lifted. */
const lifting = `
local read, there = pcall(cjson.decode, redis.call('GET', KEYS[1]) or '')
local function lift(channel, name)
  local left = redis.call('PTTL', KEYS[1])
  redis.call('SET', KEYS[1], cjson.encode({ lifted = there.id }), 'PX', left > 0 and left or 1)
  redis.pcall('PUBLISH', channel, name)
  return 1
end
`;

/** Keys: the hold, a run's fences. Arguments: by, the fence and how long it is kept, channel, name. */
const liftInTurnScript = `${lifting}
local last = tonumber(redis.call('GET', KEYS[2]) or '')
if last and last > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
if not read or type(there) ~= 'table' or there.by ~= ARGV[1] then return 0 end
return lift(ARGV[4], ARGV[5])
`;

/** Keys: the hold, its acknowledgements. Arguments: id, channel, name. */
const liftScript = `${lifting}
if not read or type(there) ~= 'table' or there.id ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
return lift(ARGV[2], ARGV[3])
`;
