import { Redis } from 'ioredis';
import { StrangerRefusal } from '../base/local-peer.js';
import type { Configuration } from '../config/variables.js';
import { connectorTo } from './own-connector.js';

/** The type of a connection, so that only this file names the library. */
export type RedisConnection = Redis;

export interface RedisOptions {
  /** Told of every error of the connection; it goes on trying by itself. */
  readonly onError: (error: Error) => void;
  /** The longest a command may take, milliseconds. */
  readonly commandMillis?: number;
  /** The user of this machine that the server runs as, where it is the stack's: nobody else's is told anything. */
  readonly owner?: number | null;
  /** Told in a sentence that another user's program has the server's port, once until the server is back. */
  readonly onStranger?: (sentence: string) => void;
}

/** What a program reads of its environment to connect to Redis. */
export type RedisConfiguration = Pick<Configuration, 'REDIS_URL' | 'REDIS_SERVER_UID'>;

/** `connectRedis` as a program's environment says. */
export function connectOwnRedis(
  { REDIS_URL, REDIS_SERVER_UID }: RedisConfiguration,
  options: Omit<RedisOptions, 'owner' | 'onStranger'> & Required<Pick<RedisOptions, 'onStranger'>>,
): RedisConnection {
  return connectRedis(REDIS_URL, { ...options, owner: REDIS_SERVER_UID });
}

/**
 * A connection that never makes its users wait for a server that is away: a command fails at once while there is no
 * connection, and after `commandMillis` while the server hangs. It comes back by itself within half a second.
 */
export function connectRedis(
  url: string,
  { onError, commandMillis = 1000, owner = null, onStranger }: RedisOptions,
): RedisConnection {
  const redis = new Redis(url, {
    ...peerCheck(url, owner),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    commandTimeout: commandMillis,
    retryStrategy: (attempt) => Math.min(50 * attempt, 500),
    reconnectOnError: () => false,
  });
  let told = false;
  redis.on('ready', () => {
    told = false;
  });
  redis.on('error', (error) => {
    onError(error);
    if (!(error instanceof StrangerRefusal) || told) return;
    told = true;
    onStranger?.(error.message);
  });
  return redis;
}

/** A connection that is tried once: `connected` ends with the first error, or when nothing came of it in time. */
export function connectRedisOnce(url: string, millis: number, owner: number | null = null) {
  const connection = new Redis(url, {
    ...peerCheck(url, owner),
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

/** A server that speaks TLS is none of the stack's, and its certificate says whose it is. */
function peerCheck(url: string, owner: number | null) {
  return owner === null || url.startsWith('rediss:')
    ? {}
    : { Connector: connectorTo({ name: "the stack's Redis", owner }) };
}
