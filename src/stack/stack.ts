import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../base/failures.js';
import { readConfiguration } from '../config/configuration.js';
import { isS3 } from '../config/storage-place.js';
import type { Reader } from '../config/variable.js';
import { variablesOf } from '../config/variables.js';
import type { Side } from '../domain/side.js';
import type { ProcessEntry, StackHome } from '../state/home.js';
import { isAlive, signalProcess } from '../state/process-identity.js';
import { passwordFrom } from '../state/settings.js';
import type { ArtifactName } from './downloads/artifacts.js';
import { ProgramChecks } from './downloads/cached-program.js';
import { ensureArtifact } from './downloads/fetch.js';
import { ownServers, requestedPorts, stackEnvironment } from './environment.js';
import { recordOwnValues } from './own-environment.js';
import { CubeSupervisor } from './programs/cubes.js';
import { databaseVariables } from './programs/program-databases.js';
import { programEnvironment } from './programs/program-environment.js';
import { programProcess } from './programs/program-process.js';
import { isNeeded, programs, runCubes, type StackProgram } from './programs/programs.js';
import { Supervisor } from './programs/supervisor.js';
import { embeddedServer, grantOnLegacy, prepareDatabase } from './servers/embedded-database.js';
import { refuseStranger } from './servers/port-holder.js';
import { checkPlace, preparePlace, removePlace } from './servers/postgres-place.js';
import {
  administratorUrl,
  initializePostgres,
  type PostgresServer,
  postgresProcess,
} from './servers/postgres-server.js';
import { redisProcess } from './servers/redis-server.js';
import { checkRequestedPorts, movedPorts } from './stack-ports.js';
import { embeddedTemporal, type TemporalAccess } from './temporal/embedded.js';

export interface StackOptions {
  readonly home: StackHome;
  readonly cacheFolder: string;
  /** The caller's environment: servers of the user's own replace embedded ones. */
  readonly environment: NodeJS.ProcessEnv;
  /** Talk for a person, while it takes long. */
  readonly log: (text: string) => void;
  /** Who may reach the embedded Temporal server: this user alone by default. */
  readonly temporalAccess?: TemporalAccess;
}

export interface RunningStack {
  readonly env: Readonly<Record<string, string>>;
  /** The embedded database servers' superuser, for the tests of this package: no program gets it. */
  readonly administratorUrls: Readonly<Partial<Record<Side, string>>>;
  /** The variables of the databases that a program reads, with its own roles. */
  databasesOf(program: Pick<StackProgram, 'readers' | 'roles'>): Readonly<Record<string, string>>;
  /** Keeps everything up until `signal` aborts. */
  watch(signal: AbortSignal): Promise<void>;
  /** Starts programs of this package in addition to the servers. */
  startPrograms(): Promise<void>;
  /** Stops all and releases the state folder. */
  stop(): Promise<void>;
}

/**
 * Starts, or takes over, the four servers of a stack: those that the environment does not name. Throws `conflict` when
 * another process already keeps this stack up; otherwise the caller is its supervisor until `stop`.
 */
export async function startServers(options: StackOptions): Promise<RunningStack> {
  const { home, log } = options;
  home.prepare();
  const unlock = home.lock();
  const supervisor = new Supervisor(home);
  try {
    const alive = home.processes().filter(isAlive);
    const inUse = new Set(alive.flatMap((entry) => entry.port ?? []));
    await checkRequestedPorts(options.environment, inUse);
    const formerPorts = home.ports;
    const requested = requestedPorts(options.environment);
    const settings = await home.settings(inUse, requested);
    const own = ownServers(options.environment);
    for (const sentence of movedPorts(formerPorts, settings, requested, own)) log(sentence);
    if (Object.keys(own).length > 0 || isS3(options.environment.CUBE_STORAGE_URL))
      await (await import('../diagnosis/servers.js')).checkServers(options.environment);
    const temporal =
      own.TEMPORAL_ADDRESS === undefined
        ? await embeddedTemporal(home, settings, options.temporalAccess ?? 'closed', log)
        : undefined;
    const env = stackEnvironment(settings, options.environment, home.folder, temporal?.variables);
    // A secret that the caller names is the one, whatever it was changed to before.
    if (options.environment.CUBE_JWT_SECRET) home.recordSecrets({});
    if (!isSame(home.environment(), env)) await endPrograms(home);
    home.recordEnvironment(env);
    recordOwnValues(home, env, options.environment);
    const checks = new ProgramChecks();
    const fetch = (name: ArtifactName) => ensureArtifact(name, options.cacheFolder, log, checks);
    const check = (name: ArtifactName) => () => checks.checkCached(name, options.cacheFolder);
    const wanted = {
      legacy: own.LEGACY_DATABASE_URL === undefined,
      cube: own.CUBE_DATABASE_URL === undefined,
      redis: own.REDIS_URL === undefined,
    };
    const databases: Partial<Record<Side, PostgresServer>> = {};
    if (wanted.legacy || wanted.cube) {
      const place = await preparePlace(
        home,
        await fetch('postgres'),
        readConfiguration(options.environment, ['CUBESHIFT_DATABASES']).CUBESHIFT_DATABASES,
        checks,
      );
      for (const side of (['legacy', 'cube'] as const).filter((one) => wanted[one])) {
        const server = embeddedServer(settings, place, side);
        log(`starting ${server.name} on port ${server.port}`);
        await initializePostgres(server);
        const checkServer = async () => {
          await refuseStranger(server.port, place.account);
          await checkPlace(place, options.cacheFolder, checks);
        };
        await supervisor.bringUp([{ ...postgresProcess(server), check: checkServer }]);
        await prepareDatabase(server, settings, side);
        databases[side] = server;
      }
    }
    if (wanted.redis) {
      const password = passwordFrom(settings, 'redis');
      const server = { program: await fetch('redis'), port: settings.ports.redis, password };
      log(`starting redis on port ${server.port}`);
      const checkServer = async () => {
        await refuseStranger(server.port);
        await check('redis')();
      };
      await supervisor.bringUp([{ ...redisProcess(home, server), check: checkServer }]);
    }
    if (temporal !== undefined) {
      log(`starting temporal on port ${settings.ports.temporal}, its Web UI on ${settings.ports.temporalUi}`);
      for (const process of temporal.processes(await fetch('temporal'))) {
        const checkServer = async () => {
          await process.check?.();
          await check('temporal')();
        };
        await supervisor.bringUp([{ ...process, check: checkServer }]);
      }
    }
    const databasesOf = ({ readers, roles }: Pick<StackProgram, 'readers' | 'roles'>) =>
      databaseVariables(variablesOf(...readers), roles, settings, own);
    return {
      env,
      administratorUrls: Object.fromEntries(
        Object.entries(databases).map(([side, server]) => [side, administratorUrl(server)]),
      ),
      databasesOf,
      watch: (signal) => supervisor.watch(signal),
      startPrograms: async () => {
        if (databases.legacy !== undefined) await grantOnLegacy(databases.legacy);
        const needed = programs.filter((one) => isNeeded(one, options.environment));
        await supervisor.bringUp(needed.map((program) => programProcess(program, env, databasesOf(program))));
        const cubes = runCubes.map((cube) => ({ ...cube, port: settings.ports[cube.portName] }));
        const envOf = (id: string) => {
          const { cubeId, roles } = runCubes.find((cube) => cube.cubeId === id) ?? { roles: {} };
          const readers: readonly Reader[] = cubeId === undefined ? ['cube'] : ['cube', cubeId];
          return programEnvironment(readers, env, databasesOf({ readers, roles }));
        };
        const portsOfCubes = new Set(cubes.map(({ port }) => port));
        const portsOfOthers = Object.values(settings.ports).filter((port) => !portsOfCubes.has(port));
        await supervisor.bringUpCubes(new CubeSupervisor(home, envOf, cubes, portsOfOthers));
        home.recordUp();
      },
      stop: async () => {
        await supervisor.stop();
        unlock();
      },
    };
  } catch (error) {
    await supervisor.stop();
    unlock();
    throw error;
  }
}

/**
 * Stops a stack whether or not its supervisor still lives; `purge` removes its state folder and its databases, too.
 * Returns whether there was anything to stop. Throws `conflict` before it stops anything where `purge` would remove the folder of
 * another stack, whose programs would go on without their data.
 */
export async function stopStack(home: StackHome, options: { purge: boolean }): Promise<boolean> {
  if (!home.exists) return false;
  if (options.purge) refuseNestedStacks(home);
  const supervisor = home.supervisor();
  const lived = supervisor !== undefined || listProcesses(home).length > 0;
  if (supervisor !== undefined) {
    signalProcess(supervisor, 'SIGTERM');
    while (isAlive(supervisor)) await sleep(50);
  }
  // A supervisor that was killed left these.
  for (const entry of [...home.processes()].reverse()) await endLeftover(entry);
  home.recordProcesses([]);
  if (options.purge) {
    // First what the state folder knows the place of.
    removePlace(home);
    home.remove();
  }
  return lived;
}

function refuseNestedStacks(home: StackHome): void {
  const [nested] = home.nestedStacks();
  if (nested === undefined) return;
  throw new Failure('conflict', `The state folder ${home.folder} holds another stack, in ${nested}.`, {
    hint: `Remove that one first with \`CUBESHIFT_HOME=${nested} cubeshift down --purge\`, then type the same again.`,
  });
}

/** What the stack runs now. */
export function listProcesses(home: StackHome): readonly ProcessEntry[] {
  return home.processes().filter(isAlive);
}

/** Ends the processes that an earlier supervisor left, except the servers: programs that were started with other variables would keep those. */
async function endPrograms(home: StackHome): Promise<void> {
  const left = listProcesses(home).filter(({ name }) => !servers.includes(name));
  await Promise.all(left.map(endLeftover));
}

function isSame(one: Readonly<Record<string, string>> | undefined, other: Readonly<Record<string, string>>): boolean {
  const text = (variables: object) => JSON.stringify(Object.entries(variables).sort());
  return one === undefined || text(one) === text(other);
}

const servers: readonly string[] = ['postgres-legacy', 'postgres-cube', 'redis', 'temporal', 'temporal-front'];
const leftoverGrace = 10_000;

async function endLeftover(entry: ProcessEntry): Promise<void> {
  signalProcess(entry, entry.name.startsWith('postgres') ? 'SIGINT' : 'SIGTERM');
  const deadline = Date.now() + leftoverGrace;
  while (isAlive(entry)) {
    if (Date.now() > deadline) signalProcess(entry, 'SIGKILL');
    await sleep(20);
  }
}
