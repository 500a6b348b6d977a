import type { RedisConnection } from '../connection.js';
import { secretReportsKey } from '../keys.js';
import { evaluate } from './evaluate.js';

const script = `
local reportsKey = KEYS[1]
local program, fingerprints = ARGV[1], ARGV[2]

local at = redis.call('TIME')[1]
redis.call('HSET', reportsKey, program, cjson.encode({fingerprints = cjson.decode(fingerprints), at = at}))
`;

/** Records which secrets a program knows now, with the time of Redis. Rejects with the error of the connection. */
export async function recordSecretsReport(
  redis: RedisConnection,
  program: string,
  fingerprints: readonly string[],
): Promise<void> {
  await evaluate(redis, script, [secretReportsKey], [program, JSON.stringify(fingerprints)]);
}
