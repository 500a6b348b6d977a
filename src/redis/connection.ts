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

/** A connection that is tried once: `connected` ends with the first error, or when nothing came of it in time. */
export function connectRedisOnce(url: string, millis: number) {
  const connection = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    connectTimeout: millis,
    commandTimeout: millis,
    retryStrategy: () => null,
  });
  const connected = new Promise<void>((resolve, reject) => {
    connection.once('error', reject);
    connection.connect().then(resolve, reject);
  });
  // A look that failed has told the first error; the others say less.
  connection.on('error', () => undefined);
  return { connection, connected };
}
