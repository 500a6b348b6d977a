import { userInfo } from 'node:os';
import type pg from 'pg';
import { parse } from 'pg-connection-string';
import { Failure } from '../base/failures.js';

/** The parameters of a URL that say how a server is reached; what a session is like is never a URL's to say. */
const reaching: ReadonlySet<string> = new Set([
  'user',
  'password',
  'host',
  'port',
  'ssl',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslnegotiation',
  'uselibpqcompat',
]);

type ConnectionAddress = Required<Pick<pg.ClientConfig, 'user' | 'password' | 'host' | 'port' | 'database' | 'ssl'>> & {
  readonly sslnegotiation: 'postgres' | 'direct';
};

/**
 * What a URL says of where a server is. Nothing is left out, since the driver takes from the shell's PG variables and
 * from ~/.pgpass whatever is. Throws `configuration_invalid` for a URL that cannot be read or names a file that cannot.
 */
export function serverAddress(url: string): ConnectionAddress {
  const { user, password, host, port, database, ssl = false, sslnegotiation = 'postgres' } = parsed(url);
  return {
    user: user || accountName(),
    password: password || (() => ''),
    host: host || 'localhost',
    port: Number(port || 5432),
    database: database || user || accountName(),
    ssl: ssl as NonNullable<pg.ClientConfig['ssl']>,
    sslnegotiation,
  };
}

/** As PostgreSQL's own programs do without a user; an account without a name, as in a container, goes by its number. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

function parsed(url: string): ReturnType<typeof parse> {
  try {
    const address = new URL(url);
    for (const name of [...address.searchParams.keys()]) if (!reaching.has(name)) address.searchParams.delete(name);
    return parse(address.href);
  } catch (error) {
    const file = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : undefined;
    throw new Failure(
      'configuration_invalid',
      file === undefined
        ? 'A PostgreSQL URL cannot be read.'
        : `The file ${file}, which a PostgreSQL URL names, cannot be read.`,
      { cause: error },
    );
  }
}
