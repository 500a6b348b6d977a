import pg from 'pg';
import { Failure, type FailureType } from '../base/failures.js';
import {
  answerMillis,
  codeOf,
  connectFault,
  type NetworkFault,
  probeMillis,
  probePort,
  tlsFault,
} from '../base/network.js';
import type { Side } from '../domain/side.js';
import { clientSettings, connectClient } from './connect.js';

/** A database of the user's, and how to speak of it. */
export interface NamedDatabase {
  readonly side: Side;
  /** As in "the legacy database". */
  readonly name: string;
  readonly variable: string;
  readonly url: string;
}

/** A side's database as the variables name it. */
export function databaseOf(side: Side, url: string): NamedDatabase {
  return { side, name: `${side} database`, variable: `${side.toUpperCase()}_DATABASE_URL`, url };
}

/** The result of a check of a database. */
export interface DatabaseFacts {
  readonly version: string;
  readonly role: string;
  readonly database: string;
}

/**
 * Runs `inspect` on a connection to a database. A connection that cannot be made is explained in one sentence with its remedy:
 * by a probe of the network, within two seconds, or by what the server answers. One that accepts and says nothing is given
 * `timeoutMillis`.
 */
export async function inspectDatabase<T>(
  database: NamedDatabase,
  inspect: (client: pg.Client, facts: DatabaseFacts) => Promise<T>,
  timeoutMillis = answerMillis,
): Promise<T> {
  const { host, port } = partsOf(database.url);
  const fault = await probePort({ host, port, variable: database.variable });
  if (fault !== undefined) throw unreachable(database, fault);
  const { client, facts } = await openForInspection(database, timeoutMillis).catch(async (error: unknown) => {
    throw await explainConnection(database, error);
  });
  try {
    return await inspect(client, facts);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function openForInspection({ url }: NamedDatabase, millis: number) {
  const client = await connectClient(url, { applicationName: 'cubeshift check' }, millis);
  try {
    const { rows } = await client.query<DatabaseFacts>(
      `select current_setting('server_version') as version, current_user::text as role, current_database()::text as database`,
    );
    const facts = rows[0];
    if (facts === undefined) throw new Error('an inspection of a server has one row');
    return { client, facts };
  } catch (error) {
    void client.end().catch(() => undefined);
    throw error;
  }
}

/** Why a connection to a database that listens could not be had. */
async function explainConnection(database: NamedDatabase, error: unknown): Promise<Failure> {
  if (error instanceof Failure) return error;
  const { name, variable } = database;
  const { host, port, user } = partsOf(database.url);
  const failed = (type: FailureType, sentence: string, hint: string) =>
    new Failure(type, sentence, { hint, cause: error, details: { refused: 'connection' } });
  if (error instanceof pg.DatabaseError)
    return (await explainConnectionError(database, error)) ?? unreachable(database, serverFault(error), error);
  const address = { host, port, variable };
  const withoutTls = `sslmode=disable in ${variable}`;
  const known =
    connectFault(codeOf(error), address) ??
    tlsFault(error, {
      ...address,
      nameAuthority: `?sslmode=verify-full&sslrootcert=FILE in ${variable}`,
      nameCertificate: `sslcert=FILE&sslkey=FILE in ${variable}`,
      withoutTls,
    });
  if (known !== undefined) return unreachable(database, known, error);
  if (error instanceof Error && /password must be a .*string|no password/i.test(error.message))
    return failed(
      'permission_denied',
      `The ${name} wants a password of role ${user}, and ${variable} has none.`,
      `Write it into ${variable}: postgres://${user}:PASSWORD@${host}:${port}/….`,
    );
  return unreachable(database, silentServer(address), error);
}

function unreachable({ name, side }: NamedDatabase, { reason, remedy }: NetworkFault, cause?: unknown): Failure {
  return new Failure(
    side === 'legacy' ? 'legacy_unreachable' : 'cube_unreachable',
    `The ${name} cannot be reached: ${reason}.`,
    { hint: remedy, cause, details: cause instanceof pg.DatabaseError ? { sqlstate: cause.code } : {} },
  );
}

function silentServer({ host, port, variable }: { host: string; port: number; variable: string }): NetworkFault {
  return {
    reason: `what listens on port ${port} of ${host} does not answer as PostgreSQL does`,
    remedy: `Correct host and port in ${variable}, or see whether that server hangs.`,
  };
}

/** A server that answers, and is not there for anybody now. */
function serverFault(error: pg.DatabaseError): NetworkFault {
  if (error.code === '53300')
    return {
      reason: 'it has no connection left (SQLSTATE 53300)',
      remedy: 'Raise max_connections there, or end sessions that are not needed.',
    };
  if (error.code?.startsWith('57P') === true)
    return { reason: `it is starting or stopping (SQLSTATE ${error.code})`, remedy: 'Wait until it is up.' };
  return { reason: `it answered with SQLSTATE ${error.code}`, remedy: 'See its log.' };
}

/** The server's answer to a connection attempt (https://www.postgresql.org/docs/16/errcodes-appendix.html); undefined when it said something else. */
async function explainConnectionError(database: NamedDatabase, error: pg.DatabaseError): Promise<Failure | undefined> {
  const { name, variable, side, url } = database;
  const { host, port, user, database: base } = partsOf(url);
  const failed = (type: FailureType, sentence: string, hint: string) =>
    new Failure(type, sentence, { hint, cause: error, details: { sqlstate: error.code, refused: 'connection' } });
  switch (error.code) {
    case '28P01':
      return failed(
        'permission_denied',
        `The ${name} refuses the password of role ${user}, or has no such role.`,
        `Correct user and password in ${variable}.`,
      );
    case '28000':
      if (error.routine !== 'ClientAuthentication')
        return failed(
          'permission_denied',
          `The ${name} has no role ${user} that may log in.`,
          `Correct the user in ${variable}, or make it there: CREATE ROLE ${quoted(user)} LOGIN PASSWORD '…';`,
        );
      if (!usesTls(url) && (await takesRoleOverTls(url, probeMillis)))
        return failed(
          'permission_denied',
          `The ${name} takes role ${user} over TLS alone, and ${variable} requests none.`,
          `Add ?sslmode=verify-full&sslrootcert=FILE to ${variable}; FILE is the PEM file of the authority that signed the server's certificate.`,
        );
      return failed(
        'permission_denied',
        `The ${name} accepts no connection as role ${user} to database ${base} from this machine${usesTls(url) ? ' over TLS' : ''}.`,
        `Add a line to pg_hba.conf at ${host}:${port}: ${usesTls(url) ? 'hostssl' : 'host'} ${base} ${user} ADDRESS scram-sha-256; then reload the server.`,
      );
    case '3D000':
      return failed(
        side === 'legacy' ? 'legacy_schema_mismatch' : 'cube_schema_mismatch',
        `The server of the ${name} has no database ${base}.`,
        `Correct the database in ${variable}, or make it: CREATE DATABASE ${quoted(base)};`,
      );
    case '42501':
      return failed(
        'permission_denied',
        `Role ${user} may not connect to database ${base} of the ${name}.`,
        `As its owner: GRANT CONNECT ON DATABASE ${quoted(base)} TO ${quoted(user)};`,
      );
    default:
      return undefined;
  }
}

class PasswordRequested extends Error {}

/** Whether the server requests the role's password, or accepts the role, over TLS. No password is sent. */
async function takesRoleOverTls(url: string, millis: number): Promise<boolean> {
  const client = new pg.Client({
    ...clientSettings(url, { applicationName: 'cubeshift check' }, millis),
    ssl: { rejectUnauthorized: false },
    password: () => {
      throw new PasswordRequested();
    },
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch (error) {
    return error instanceof PasswordRequested;
  } finally {
    void client.end().catch(() => undefined);
  }
}

function usesTls(url: string): boolean {
  const { searchParams } = new URL(url);
  const mode = searchParams.get('sslmode');
  if (mode !== null) return mode !== 'disable';
  return (
    ['sslrootcert', 'sslcert', 'sslkey'].some((name) => searchParams.has(name)) ||
    ['true', '1'].includes(searchParams.get('ssl') ?? '')
  );
}

function partsOf(url: string) {
  const { hostname, port, username, pathname, searchParams } = new URL(url);
  return {
    host: searchParams.get('host') ?? (decodeURIComponent(hostname.replace(/^\[(.+)\]$/, '$1')) || 'localhost'),
    port: Number(searchParams.get('port') ?? (port || 5432)),
    user: searchParams.get('user') ?? decodeURIComponent(username),
    database: decodeURIComponent(pathname.slice(1)),
  };
}

function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}
