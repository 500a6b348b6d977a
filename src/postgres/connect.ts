import pg from 'pg';
import { GuardedClient } from './guarded-client.js';
import { serverAddress } from './server-address.js';
import { pinSession, type SessionChoices } from './session.js';

export interface PoolSettings extends SessionChoices {
  readonly max: number;
  /**
   * Milliseconds after which a statement is given up, with its connection: for programs that answer users, so that no server
   * that hangs holds every connection. Left out, a statement takes as long as it takes.
   */
  readonly statementMillis?: number;
}

/** How long a connection may take that work waits for. */
export const connectMillis = 10_000;

/**
 * How a connection is begun: from the URL where the server is, and nothing else. Every setting is named, also those that
 * do not matter, since the driver takes the others from the shell's PG variables.
 */
export function clientSettings(
  url: string,
  { applicationName }: Pick<SessionChoices, 'applicationName'>,
  connectionTimeoutMillis: number = connectMillis,
): pg.ClientConfig & { replication: string; sslnegotiation: string } {
  return {
    ...serverAddress(url),
    application_name: applicationName,
    client_encoding: 'UTF8',
    // A role's own limit could end the very statement that lifts it.
    options: '-c statement_timeout=0',
    replication: 'false',
    connectionTimeoutMillis,
    keepAlive: true,
  };
}

/**
 * A pool of engine connections, each pinned before it is lent. An idle connection that the server closes is dropped
 * without stopping the program: the next caller gets a new one, or the error.
 */
export function createPool(url: string, settings: PoolSettings): pg.Pool {
  const pool = new pg.Pool({
    ...clientSettings(url, settings),
    Client: GuardedClient,
    max: settings.max,
    idleTimeoutMillis: 30_000,
    onConnect: (client) => pinSession(client, settings, connectMillis),
    ...(settings.statementMillis === undefined ? {} : { query_timeout: settings.statementMillis }),
  });
  pool.on('error', () => undefined);
  // While one is lent the pool does not listen: lost between two statements of a transaction it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** One connection of its own, pinned and not pooled; the caller ends it. */
export async function connectClient(
  url: string,
  choices: SessionChoices,
  connectionTimeoutMillis: number = connectMillis,
): Promise<pg.Client> {
  const client = new GuardedClient(clientSettings(url, choices, connectionTimeoutMillis));
  // Without a listener a connection lost while idle would end the process; the next query reports it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await pinSession(client, choices, connectionTimeoutMillis);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

/** Quotes an identifier: the only way one enters a statement. */
export function quoteIdentifier(...parts: readonly string[]): string {
  return parts.map((part) => pg.escapeIdentifier(part)).join('.');
}

/**
 * Runs `work` in a transaction on a connection of the pool: committed when it returns, rolled back when it throws.
 */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((rollbackError: unknown) => {
      broken = rollbackError instanceof Error ? rollbackError : new Error('rollback failed');
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
