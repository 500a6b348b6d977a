import { execFile } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../../base/failures.js';
import { fallbackOf } from '../../config/variables.js';
import type { StackHome } from '../../state/home.js';
import { artifacts } from '../downloads/artifacts.js';
import type { ProgramChecks } from '../downloads/cached-program.js';
import { serverEnvironment } from './server-environment.js';

const run = promisify(execFile);

/** Where databases lie that root starts: a server that root may not run cannot read root's home. */
const usualDatabasesFolder = fallbackOf('CUBESHIFT_DATABASES');
const copiesFolder = join(usualDatabasesFolder, 'programs');

/** Where the PostgreSQL servers of a stack keep their data, which program they run, and who runs them. */
export interface PostgresPlace {
  readonly folder: string;
  readonly program: string;
  /** User and group of no other program; null where the servers run as the user who starts the stack. */
  readonly account: number | null;
}

/**
 * PostgreSQL refuses to run as root. Root's servers run as a user of their own that has no name, no capability and nothing
 * but its folder, outside of root's home; those of any other user run as that user, in the state folder.
 */
export async function preparePlace(
  home: StackHome,
  program: string,
  databases: string,
  checks: ProgramChecks,
): Promise<PostgresPlace> {
  if (process.getuid?.() !== 0) return { folder: home.folder, program, account: null };
  const kept = recordedPlace(home) ?? chooseFolder(resolve(databases));
  // On record first: a folder that no record names would never be removed.
  home.recordDatabasePlace(kept);
  if (!existsSync(dirname(kept.folder))) {
    mkdirSync(dirname(kept.folder), { recursive: true });
    chmodSync(dirname(kept.folder), 0o711);
  }
  makeFolder(kept.folder, kept.account);
  return { ...kept, program: await runnableProgram(program, kept.account, checks) };
}

/** The account's own folder, where others may write to the one above it, too: what they put in its place is refused. */
function makeFolder(folder: string, account: number): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const stats = lstatSync(folder);
  if (!stats.isDirectory() || (stats.uid !== 0 && stats.uid !== account)) {
    throw new Failure('configuration_invalid', `The folder ${folder} was not made by \`up\`; nothing was put there.`, {
      hint: 'Find out who made it, and remove it; or let CUBESHIFT_DATABASES name a folder that root alone may write to.',
    });
  }
  lchownSync(folder, account, account);
}

/** Checks that the program is still what was fetched: that of the cache, or its copy. */
export async function checkPlace(place: PostgresPlace, cacheFolder: string, checks: ProgramChecks): Promise<void> {
  const folder = dirname(dirname(place.program));
  if (dirname(folder) === copiesFolder) await checks.checkFolder(folder, artifacts.postgres.copySum);
  else await checks.checkCached('postgres', cacheFolder);
}

/** What is on record. Throws `unexpected` for what `up` never makes: root would give that away, or remove it. */
function recordedPlace(home: StackHome): { readonly folder: string; readonly account: number } | undefined {
  const place = home.databasePlace();
  if (place === undefined) return undefined;
  const { folder, account } = place;
  const ofNobody = Number.isInteger(account) && account >= minAccount && account <= maxAccount;
  const named = typeof folder === 'string' && folder === resolve(folder) ? basename(folder) : '';
  if (ofNobody && named.startsWith(`${account}-`) && /^\d+-[0-9a-f]{12}$/.test(named)) return place;
  throw new Failure('unexpected', `The file ${home.fileOf('databases')} names a folder that \`up\` did not make.`, {
    hint: 'Nothing was changed there. Find out who wrote it; without that file, a new place is chosen.',
  });
}

/** Removes root's databases of a stack, if it has any. */
export function removePlace(home: StackHome): void {
  // Nobody but root's stacks have any.
  const place = process.getuid?.() === 0 ? recordedPlace(home) : undefined;
  if (place === undefined) return;
  const removed = `${place.folder}.removed`;
  // Out of the way at once: killed in between, the next start does not find half of it.
  if (existsSync(place.folder)) renameSync(place.folder, removed);
  rmSync(removed, { recursive: true, force: true });
}

/** The file of a data folder that says that it was made whole. */
export const readyMark = 'PG_VERSION.ready';

/**
 * Makes a data folder: `make` fills it, as the account that it gets, which may not write next to it. initdb refuses to run as a user without a name, so
 * one fills root's that has a name and no process, and the servers' user is given what came of it.
 */
export async function makeDataFolder(
  place: PostgresPlace,
  name: string,
  make: (folder: string, account: number | null) => Promise<void>,
): Promise<void> {
  const data = join(place.folder, name);
  rmSync(data, { recursive: true, force: true });
  if (place.account === null) {
    mkdirSync(data, { mode: 0o700 });
    await make(data, null);
    return writeFileSync(join(data, readyMark), '', { flag: 'wx' });
  }
  const scratch = `${place.folder}.init`;
  const maker = idleAccount();
  rmSync(scratch, { recursive: true, force: true });
  try {
    const made = join(scratch, name);
    mkdirSync(scratch, { mode: 0o700 });
    chmodSync(scratch, 0o711);
    mkdirSync(made, { mode: 0o700 });
    chownSync(made, maker, maker);
    await make(made, maker);
    // Root's again before root writes there: no link of the maker's leads elsewhere.
    chownSync(made, 0, 0);
    writeFileSync(join(made, readyMark), '', { flag: 'wx' });
    await giveFolder(made, place.account);
    renameSync(made, data);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function giveFolder(folder: string, account: number): Promise<void> {
  await run('chown', ['-hR', `${account}:${account}`, folder]);
}

/** A named user without any process, so that no other program can interfere; `nobody` where there is none. */
function idleAccount(): number {
  const running = runningAccounts();
  const idle = namedAccounts().filter((account) => account > 0 && account < 1000 && !running.has(account));
  return idle.at(-1) ?? 65_534;
}

/** A command as a user runs it who may nothing but what files let it. */
export function asServerUser(
  { account }: Pick<PostgresPlace, 'account'>,
  command: readonly string[],
): readonly string[] {
  if (account === null) return command;
  return [
    'setpriv',
    `--reuid=${account}`,
    `--regid=${account}`,
    '--clear-groups',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--bounding-set=-all',
    '--no-new-privs',
    '--',
    ...command,
  ];
}

function userOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

/** User ids that distributions assign to no user; container hosts map no higher ones. */
const [minAccount, maxAccount] = [50_000, 59_999];

function chooseFolder(databases: string): { folder: string; account: number } {
  const taken = takenAccounts(databases);
  for (;;) {
    const account = randomInt(minAccount, maxAccount + 1);
    if (taken.has(account)) continue;
    return { folder: join(databases, `${account}-${randomBytes(6).toString('hex')}`), account };
  }
}

/** Those with a name, with a process, or with databases of another stack. */
function takenAccounts(databases: string): ReadonlySet<number> {
  const others = [databases, usualDatabasesFolder].flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
  return new Set([...namedAccounts(), ...runningAccounts(), ...others.map((name) => Number.parseInt(name, 10))]);
}

function namedAccounts(): readonly number[] {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const account = line.split(':')[2];
    return account ? [Number(account)] : [];
  });
}

function runningAccounts(): ReadonlySet<number> {
  return new Set(readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (userOf(Number(name)) ?? []) : [])));
}

/**
 * The program where the servers' user can run it: as it was fetched, or, where that lies below a folder that is closed to it,
 * a copy of it and its libraries that only root can change.
 */
async function runnableProgram(program: string, account: number, checks: ProgramChecks): Promise<string> {
  if (await runs(program, account)) return program;
  const fetched = dirname(dirname(program));
  const copy = join(copiesFolder, basename(dirname(fetched)));
  const copied = join(copy, 'bin', basename(program));
  if (!(existsSync(copied) && (await runs(copied, account)))) {
    mkdirSync(copiesFolder, { recursive: true });
    for (const folder of [usualDatabasesFolder, copiesFolder]) chmodSync(folder, 0o711);
    const scratch = mkdtempSync(join(copiesFolder, '.copy-'));
    chmodSync(scratch, 0o755);
    try {
      // A folder's place can be taken by an empty or missing one only: what another start put there is as good.
      cpSync(fetched, scratch, { recursive: true, verbatimSymlinks: true });
      if (!existsSync(copied)) {
        rmSync(copy, { recursive: true, force: true });
        renameSync(scratch, copy);
      }
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  await checks.checkFolder(copy, artifacts.postgres.copySum);
  if (await runs(copied, account)) return copied;
  throw new Failure('unexpected', `PostgreSQL in ${copy} cannot be run by a user that is not root.`, {
    hint: `See that ${usualDatabasesFolder} lies on a file system that lets programs run and that util-linux's setpriv is there; or run \`cubeshift\` as another user than root.`,
  });
}

function runs(program: string, account: number): Promise<boolean> {
  const [command = program, ...args] = asServerUser({ account }, [program, '--version']);
  return run(command, args, { env: serverEnvironment(), cwd: '/' }).then(
    () => true,
    () => false,
  );
}
