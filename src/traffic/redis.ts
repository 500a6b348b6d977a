import { Redis } from 'ioredis';

/** The type of a connection, so that only this file names the library. */
export type RedisConnection = Redis;

export interface RedisOptions {
  /** Told of every error of the connection; it goes on trying by itself. */
  readonly onError: (error: Error) => void;
  /** The longest a command may take, milliseconds. */
  readonly commandMillis?: number;
}

/**
 * A connection that never makes its users wait for a server that is away: a command fails at once while there is no
 * connection, and after `commandMillis` while the server hangs. It comes back by itself within half a second.
 */
export function connectRedis(url: string, { onError, commandMillis = 1000 }: RedisOptions): RedisConnection {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    commandTimeout: commandMillis,
    retryStrategy: (attempt) => Math.min(50 * attempt, 500),
    reconnectOnError: () => false,
  });
  redis.on('error', onError);
  return redis;
}
