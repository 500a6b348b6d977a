import { execFile } from 'node:child_process';
import { chownSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isDiskFull } from '../../base/disk-space.js';
import { Failure } from '../../base/failures.js';
import { artifacts } from '../downloads/artifacts.js';
import type { ProcessSpec } from '../programs/managed-process.js';
import { isOurs } from './port-holder.js';
import { asServerUser, makeDataFolder, type PostgresPlace, readyMark } from './postgres-place.js';
import { answers } from './reachable.js';
import { serverEnvironment } from './server-environment.js';

const run = promisify(execFile);

/** The superuser of the embedded servers: known to the stack alone, and used by nothing but its start. */
export const administrator = 'cubeshift';

export interface PostgresServer {
  readonly name: 'postgres-legacy' | 'postgres-cube';
  readonly port: number;
  readonly place: PostgresPlace;
  /** The administrator's. */
  readonly password: string;
}

export function administratorUrl({ password, port }: PostgresServer, database = 'postgres'): string {
  return `postgres://${administrator}:${password}@127.0.0.1:${port}/${database}`;
}

/** Makes the data folder of a server at its first start: UTF-8, passwords required, data checksums on. */
export async function initializePostgres(server: PostgresServer): Promise<void> {
  const { place, password } = server;
  if (existsSync(join(dataFolder(server), readyMark))) return;
  try {
    await makeDataFolder(place, server.name, async (folder, account) => {
      const passwordFile = `${folder}.password`;
      rmSync(passwordFile, { force: true });
      writeFileSync(passwordFile, password, { mode: 0o600, flag: 'wx' });
      if (account !== null) chownSync(passwordFile, account, account);
      const initdb = join(dirname(place.program), 'initdb');
      const locale = ['-E', 'UTF8', '--locale=C.UTF-8'];
      const access = ['-U', administrator, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
      const [command = initdb, ...args] = asServerUser({ account }, [
        initdb,
        '-D',
        folder,
        ...locale,
        ...access,
        '--data-checksums',
      ]);
      try {
        await run(command, args, { env: serverEnvironment(), cwd: '/' });
      } finally {
        rmSync(passwordFile, { force: true });
      }
    });
  } catch (error) {
    if (isDiskFull(`${String(error)} ${lastOutput(error)}`))
      throw new Failure(
        'disk_full',
        `The data folder of ${server.name} could not be made: the disk of ${place.folder} is full.`,
        {
          hint: `Free 1 GB there, then type the same again.`,
          cause: error,
        },
      );
    throw new Failure('unexpected', `The data folder of ${server.name} could not be made: ${lastOutput(error)}`, {
      hint: `See that ${place.folder} can be written and its disk has room; then bring the stack up again.`,
      cause: error,
    });
  }
}

/** Durability stays as PostgreSQL ships it; replication is on, for change capture. */
export function postgresProcess(server: PostgresServer): ProcessSpec {
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
  const { place, port } = server;
  const [command = place.program, ...args] = asServerUser(place, [
    place.program,
    '-D',
    dataFolder(server),
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  return {
    name: server.name,
    command,
    args,
    env: serverEnvironment(),
    // The state folder may be closed to the servers' user.
    folder: place.folder,
    port,
    version: artifacts.postgres.version,
    // Fast shutdown: ends sessions, writes everything, leaves.
    stopSignal: 'SIGINT',
    ready: () => isReady(server),
  };
}

/** Whether the server answers its administrator. Throws when another user's program listens on its port, and sends it nothing. */
export async function isReady(server: PostgresServer): Promise<boolean> {
  return isOurs(server.port, server.place.account) && (await answers(administratorUrl(server)));
}

function dataFolder({ place, name }: PostgresServer): string {
  return join(place.folder, name);
}

/** The last line that a program which failed wrote. */
function lastOutput(error: unknown): string {
  const written = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  return written.trim().split('\n').at(-1) ?? '';
}
