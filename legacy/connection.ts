import { userInfo } from 'node:os';
import type pg from 'pg';
import { parse } from 'pg-connection-string';

/**
 * How the stand-in connects: where the URL says, and with a session of its own making. Nothing is left to the shell's PG
 * variables or ~/.pgpass, from which the driver takes whatever is not named.
 */
export function connectionSettings(url: string, applicationName: string): pg.ClientConfig {
  const { user, password, host, port, database, ssl = false } = parse(url);
  return {
    user: user || accountName(),
    password: password || (() => ''),
    host: host || 'localhost',
    port: Number(port || 5432),
    ...(database ? { database } : {}),
    ssl: ssl as NonNullable<pg.ClientConfig['ssl']>,
    application_name: applicationName,
    client_encoding: 'UTF8',
    options:
      '-c TimeZone=UTC -c DateStyle=ISO -c client_encoding=UTF8 -c standard_conforming_strings=on -c search_path=public',
  };
}

/** An account without a name, as in a container, goes by its number. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}
