import pg from 'pg';

/** Which of the two databases a connection or an error belongs to. */
export type Side = 'legacy' | 'cube';

export interface PoolSettings {
  /** Shown in pg_stat_activity, so that an operator sees which part holds a connection. */
  readonly applicationName: string;
  readonly max: number;
  /**
   * Milliseconds after which a statement is given up, with its connection: for those who answer users, lest a server
   * that hangs holds every connection. Left out, a statement takes as long as it takes.
   */
  readonly statementMillis?: number;
}

/** Every engine session speaks the same dialect: UTC, ISO dates, UTF-8, and 100 kB texts whole. */
const sessionOptions = '-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 -c extra_float_digits=1';

/** Settings of one connection: `statement_timeout` is left to those who know how long theirs may take. */
export function clientSettings(url: string, applicationName: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    client_encoding: 'UTF8',
    options: sessionOptions,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  };
}

/**
 * A pool of engine connections. An idle connection that the server closes is dropped without stopping the program:
 * whoever asks next gets a new one, or the error.
 */
export function createPool(url: string, settings: PoolSettings): pg.Pool {
  const pool = new pg.Pool({
    ...clientSettings(url, settings.applicationName),
    max: settings.max,
    idleTimeoutMillis: 30_000,
    ...(settings.statementMillis === undefined ? {} : { query_timeout: settings.statementMillis }),
  });
  pool.on('error', () => undefined);
  // While one is lent the pool does not listen: lost between two statements of a transaction it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** One connection of its own, not pooled; the caller ends it. */
export async function connectClient(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client(clientSettings(url, applicationName));
  // Without a listener a connection lost while idle would end the process; the next query reports it.
  client.on('error', () => undefined);
  await client.connect();
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
