import { Failure } from '../base/failures.js';
import type { TrafficName } from '../domain/cubes.js';
import type { StepFence } from '../domain/step-fence.js';
import type { RedisConnection } from '../redis/connection.js';
import { redisFailure } from '../redis/failure.js';
import { holdAcknowledgementsKey, holdKey } from '../redis/keys.js';
import { placeHoldAtomically } from '../redis/scripts/place-hold.js';

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
 * Places a hold for a step of a run, or makes that of the same `by` end later (never sooner) under the same id: a step that
 * is repeated places it again and does no harm. A hold of another scope is a new one, which gateways acknowledge anew.
 * Answers null, and changes nothing, when a later step of the run is on record. Throws `conflict` when the hold of
 * another `by` is in place, and `redis_unreachable`. A hold ends by itself in any case, so that the death of the program
 * that placed it keeps no user waiting.
 */
export async function placeHold(
  redis: RedisConnection,
  name: TrafficName,
  { scope, seconds, by }: HoldRequest,
  fence: StepFence,
): Promise<Hold | null> {
  if (!(seconds >= 1 && seconds <= maxSeconds))
    throw new Failure('invalid_input', `A hold lasts 1 to ${maxSeconds} seconds.`, { details: { field: 'seconds' } });
  const placed = await placeHoldAtomically(redis, name, { scope, millis: Math.ceil(seconds * 1000), by }, fence);
  if (placed.outcome === 'late') return null;
  const hold = parseHold(placed.text);
  if (placed.outcome === 'placed' && hold !== null) return hold;
  throw new Failure('conflict', `Traffic of ${name} is held already${hold === null ? '' : ` by ${hold.by}`}.`, {
    hint: 'Wait until that hold is lifted or over.',
  });
}

/** The hold in place, or null. Throws `redis_unreachable`. */
export async function readCurrentHold(redis: RedisConnection, name: TrafficName): Promise<Hold | null> {
  return parseHold(
    await redis.get(holdKey(name)).catch((error: unknown) => {
      throw redisFailure(error);
    }),
  );
}

/**
 * Until when each gateway instance keeps the hold whatever happens to its connection, milliseconds since 1970 by Redis'
 * clock. An instance that is missing has not taken it up. Throws `redis_unreachable`.
 */
export async function readAcknowledgements(redis: RedisConnection, id: string): Promise<ReadonlyMap<string, number>> {
  const entries = await redis.hgetall(holdAcknowledgementsKey(id)).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return new Map(Object.entries(entries).map(([instance, until]) => [instance, Number(until)]));
}

/** The text of a hold's key; null for whatever is none. */
export function parseHold(text: unknown): Hold | null {
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

/** Whether the text of a hold's key shows that the last one was lifted. A missing key shows nothing: Redis may have lost it. */
export function isLifted(text: unknown): boolean {
  return typeof text === 'string' && text.startsWith('{"lifted":');
}
