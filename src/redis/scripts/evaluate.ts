import type { RedisConnection } from '../connection.js';

/**
 * Runs a Lua script of this folder, in one step of the server. A script binds its keys and arguments to names in its first
 * lines. Rejects with the error of the connection; the script may then have run.
 */
export function evaluate(
  redis: RedisConnection,
  script: string,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  return redis.eval(script, keys.length, ...keys, ...args);
}
