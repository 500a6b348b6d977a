import type { RedisConnection } from '../connection.js';
import { redisFailure } from '../failure.js';
import { hostPaceEraKey } from '../keys.js';
import { evaluate } from './evaluate.js';

/**
 * Lua that other scripts begin with: `time`, and `era`, which begins anew when the key is gone or another start of the server wrote it, since what the
 * server knows of requests may then lack the last ones. Needs `eraKey` and `server`.
 */
export const eraInLua = `
local clock = redis.call('TIME')
local time = clock[1] * 1000 + clock[2] / 1000
local era, writer = unpack(redis.call('HMGET', eraKey, 'began', 'server'))
if not era or writer ~= server then
  era = string.format('%.3f', time)
  redis.call('HSET', eraKey, 'began', era, 'server', server)
end
`;

const script = `
local eraKey = KEYS[1]
local server = ARGV[1]
${eraInLua}
return era
`;

/** The era of the server's knowledge; `server` is the id of its present start. Throws `redis_unreachable`. */
export async function readPaceEra(redis: RedisConnection, server: string): Promise<string> {
  const answer = await evaluate(redis, script, [hostPaceEraKey], [server]).catch((error: unknown) => {
    throw redisFailure(error);
  });
  return String(answer);
}
