import type { Turn } from '../domain/turn.js';
import type { RedisConnection } from './connection.js';
import { redisFailure } from './failure.js';
import { turnKey } from './keys.js';

/** Longer than anybody leaves a frozen worker alone. */
export const turnsKeptSeconds = 30 * 24 * 3600;
const afterEveryTurn = 10 ** 15;

/** The last turn that was taken of a run; 0 when none was. Throws `redis_unreachable`. */
export async function lastTurn(redis: RedisConnection, holderId: string): Promise<number> {
  const text = await redis.get(turnKey(holderId)).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : 0;
}

/** Takes a turn that changes nothing here; false when a later one was taken. Throws `redis_unreachable`. */
export async function takeTurn(redis: RedisConnection, { holderId, turn }: Turn): Promise<boolean> {
  const taken = await redis
    .eval(takeScript, 1, turnKey(holderId), String(turn), String(turnsKeptSeconds))
    .catch((error: unknown) => {
      throw redisFailure(error);
    });
  return taken === 1;
}

/** The run has ended: whatever of it comes from now on comes late. */
export async function endTurns(redis: RedisConnection, holderId: string): Promise<void> {
  await takeTurn(redis, { holderId, turn: afterEveryTurn });
}

/** Key: a run's turns. Arguments: the turn, how long it is kept. Answers 0 when a later one was taken. */
const takeScript = `
local last = tonumber(redis.call('GET', KEYS[1]) or '')
if last and last > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
`;
