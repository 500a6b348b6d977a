import { Redis } from 'ioredis';
import { StrangerFailure } from '../base/local-peer.js';
import type { Configuration } from '../config/variables.js';
import { connectorTo } from './own-connector.js';

/** The type of a connection, so that only this file names the library. */
export type RedisConnection = Redis;

export interface RedisOptions {
  /** Called with every error of the connection, which reconnects by itself. */
  readonly onError: (error: Error) => void;
  /** Time limit of a command, milliseconds. */
  readonly commandMillis?: number;
  /** The local user id that the stack's server runs as: a server of any other user is sent nothing. */
  readonly serverUserId?: number | null;
  /** Called once per outage with a sentence when another user's program has the server's port. */
  readonly onStranger?: (sentence: string) => void;
}

/** What a program reads of its environment to connect to Redis. */
export type RedisConfiguration = Pick<Configuration, 'REDIS_URL' | 'REDIS_SERVER_UID'>;

/** `connectRedis` with the settings of a program's environment. */
export function connectConfiguredRedis(
  { REDIS_URL, REDIS_SERVER_UID }: RedisConfiguration,
  options: Omit<RedisOptions, 'serverUserId' | 'onStranger'> & Required<Pick<RedisOptions, 'onStranger'>>,
): RedisConnection {
  return connectRedis(REDIS_URL, { ...options, serverUserId: REDIS_SERVER_UID });
}

/**
 * A connection that never blocks its callers: a command fails at once while there is no connection, and after
 * `commandMillis` while the server hangs. It reconnects within half a second of the server's return.
 */
export function connectRedis(
  url: string,
  { onError, commandMillis = 1000, serverUserId = null, onStranger }: RedisOptions,
): RedisConnection {
  const redis = new Redis(url, {
    ...peerCheck(url, serverUserId),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    commandTimeout: commandMillis,
    retryStrategy: (attempt) => Math.min(50 * attempt, 500),
    reconnectOnError: () => false,
  });
  let reported = false;
  redis.on('ready', () => {
    reported = false;
  });
  redis.on('error', (error) => {
    onError(error);
    if (!(error instanceof StrangerFailure) || reported) return;
    reported = true;
    onStranger?.(error.message);
  });
  return redis;
}

/** A connection with one attempt: `connected` rejects with the first error, or after the time limit. */
export function connectRedisOnce(url: string, millis: number, serverUserId: number | null = null) {
  const connection = new Redis(url, {
    ...peerCheck(url, serverUserId),
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
  // `connected` rejects with the first error; later ones say less.
  connection.on('error', () => undefined);
  return { connection, connected };
}

/** The stack's own server does not use TLS; a server that does proves its identity by its certificate. */
function peerCheck(url: string, serverUserId: number | null) {
  return serverUserId === null || url.startsWith('rediss:')
    ? {}
    : { Connector: connectorTo({ name: "the stack's Redis", userId: serverUserId }) };
}
