import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../failures.js';
import { connectClient, quoteIdentifier } from '../postgres/connect.js';
import { artifacts } from './artifacts.js';
import type { StackHome } from './home.js';
import type { ProcessSpec } from './managed-process.js';
import { answers } from './reachable.js';
import { serverEnvironment } from './server-environment.js';

const run = promisify(execFile);

/** PostgreSQL refuses to run as root; then it runs as `nobody`, with just the right to pass private folders. */
const nobody = 65534;
const user = 'cubeshift';

export interface PostgresServer {
  readonly name: 'postgres-legacy' | 'postgres-cube';
  readonly database: string;
  readonly port: number;
  readonly password: string;
  readonly program: string;
}

export function postgresUrl(server: PostgresServer, database: string = server.database): string {
  return `postgres://${user}:${server.password}@127.0.0.1:${server.port}/${database}`;
}

/** Makes the data folder of a server at its first start: UTF-8, passwords required, data checksums on. */
export async function initializePostgres(home: StackHome, server: PostgresServer): Promise<void> {
  const data = home.path(server.name);
  if (existsSync(join(data, 'PG_VERSION.ready'))) return;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { mode: 0o700 });
  const passwordFile = home.path(`.${server.name}.password`);
  writeFileSync(passwordFile, server.password, { mode: 0o600 });
  if (isRoot()) for (const path of [data, passwordFile]) chownSync(path, nobody, nobody);
  try {
    const initdb = join(dirname(server.program), 'initdb');
    const args = [
      '-D',
      data,
      '-U',
      user,
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--data-checksums',
    ];
    const [command, ...rest] = unprivileged([initdb, ...args]);
    await run(command ?? initdb, rest, { env: serverEnvironment() });
    writeFileSync(join(data, 'PG_VERSION.ready'), '');
  } catch (error) {
    throw new Failure('unexpected', `The data folder of ${server.name} could not be made: ${lastWords(error)}`, {
      hint: `See that ${home.folder} can be written and its disk has room; then bring the stack up again.`,
      cause: error,
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** Durability stays as PostgreSQL ships it; replication is on, for change capture. */
export function postgresProcess(home: StackHome, server: PostgresServer): ProcessSpec {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    wal_level: 'logical',
    max_wal_senders: '10',
    max_replication_slots: '10',
    max_connections: '100',
    shared_buffers: '256MB',
    max_wal_size: '2GB',
    log_timezone: 'UTC',
    timezone: 'UTC',
    // Contents of records stay out of the log: what a server says of a refused row, its statement, its parameters.
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    log_parameter_max_length: '0',
    log_parameter_max_length_on_error: '0',
    log_statement: 'none',
    log_min_duration_statement: '-1',
  };
  const args = [
    '-D',
    home.path(server.name),
    '-p',
    String(server.port),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const [command = server.program, ...rest] = unprivileged([server.program, ...args]);
  return {
    name: server.name,
    command,
    args: rest,
    env: serverEnvironment(),
    port: server.port,
    version: artifacts.postgres.version,
    // Fast shutdown: ends sessions, writes everything, leaves.
    stopSignal: 'SIGINT',
    ready: () => answers(postgresUrl(server, 'postgres')),
  };
}

/** Makes the server's database when it is not there. */
export async function ensureDatabase(server: PostgresServer): Promise<void> {
  const client = await connectClient(postgresUrl(server, 'postgres'), { applicationName: 'cubeshift up' });
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [server.database]);
    if (found.rowCount === 0) await client.query(`create database ${quoteIdentifier(server.database)}`);
  } finally {
    await client.end();
  }
}

/** The last line that a program which failed wrote. */
function lastWords(error: unknown): string {
  const written = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  return written.trim().split('\n').at(-1) ?? '';
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function unprivileged(command: readonly string[]): readonly string[] {
  if (!isRoot()) return command;
  const drop = [
    `--reuid=${nobody}`,
    `--regid=${nobody}`,
    '--clear-groups',
    // Without it access(2), which PostgreSQL asks about its own programs, looks past the capability.
    '--securebits=+no_setuid_fixup',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ];
  return ['setpriv', ...drop, '--', ...command];
}
