import { renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failures.js';
import { CubeSupervisor } from './cubes.js';
import { askedPorts, ownServers, stackEnvironment } from './environment.js';
import { ensureArtifact } from './fetch.js';
import type { ProcessEntry, StackHome } from './home.js';
import { ensureDatabase, initializePostgres, type PostgresServer, postgresProcess } from './postgres-server.js';
import { isAlive, signalProcess } from './process-identity.js';
import { programProcess } from './program-process.js';
import { isNeeded, programs, runCubes } from './programs.js';
import { answers, listens } from './reachable.js';
import { redisProcess } from './redis-server.js';
import { Supervisor } from './supervisor.js';
import { temporalProcess } from './temporal-server.js';

export interface StackOptions {
  readonly home: StackHome;
  readonly cacheFolder: string;
  /** The caller's environment: servers of the user's own replace embedded ones. */
  readonly environment: NodeJS.ProcessEnv;
  /** Talk for a person, while it takes long. */
  readonly log: (text: string) => void;
}

export interface RunningStack {
  readonly env: Readonly<Record<string, string>>;
  /** Keeps everything up until `signal` aborts. */
  watch(signal: AbortSignal): Promise<void>;
  /** Starts programs of this package beside the servers. */
  startPrograms(): Promise<void>;
  /** Stops all and lets go of the state folder. */
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
    const settings = await home.settings(
      new Set(alive.flatMap((entry) => entry.port ?? [])),
      askedPorts(options.environment),
    );
    const own = ownServers(options.environment);
    const env = stackEnvironment(settings, options.environment, home.folder);
    await checkOwnServers(own);
    // A secret that the caller names is the one, whatever it was changed to before.
    if (options.environment.CUBE_JWT_SECRET) home.recordSecrets({});
    home.recordEnvironment(env);
    const fetch = (name: Parameters<typeof ensureArtifact>[0]) => ensureArtifact(name, options.cacheFolder, log);
    const wanted = {
      legacy: own.LEGACY_DATABASE_URL === undefined,
      cube: own.CUBE_DATABASE_URL === undefined,
      redis: own.REDIS_URL === undefined,
      temporal: own.TEMPORAL_ADDRESS === undefined,
    };
    if (wanted.legacy || wanted.cube) {
      const program = await fetch('postgres');
      const password = settings.postgresPassword;
      const legacy: PostgresServer = {
        name: 'postgres-legacy',
        database: 'heal7',
        port: settings.ports.legacyPostgres,
        password,
        program,
      };
      const cube: PostgresServer = {
        name: 'postgres-cube',
        database: 'cubes',
        port: settings.ports.cubePostgres,
        password,
        program,
      };
      for (const server of [...(wanted.legacy ? [legacy] : []), ...(wanted.cube ? [cube] : [])]) {
        log(`starting ${server.name} on port ${server.port}`);
        await initializePostgres(home, server);
        await supervisor.bringUp([postgresProcess(home, server)]);
        await ensureDatabase(server);
      }
    }
    if (wanted.redis) await supervisor.bringUp([redisProcess(home, await fetch('redis'), settings.ports.redis)]);
    if (wanted.temporal) {
      log(`starting temporal on port ${settings.ports.temporal}, its Web UI on ${settings.ports.temporalUi}`);
      await supervisor.bringUp([temporalProcess(home, await fetch('temporal'), settings.ports)]);
    }
    return {
      env,
      watch: (signal) => supervisor.watch(signal),
      startPrograms: async () => {
        const needed = programs.filter((one) => isNeeded(one, options.environment));
        await supervisor.bringUp(needed.map((program) => programProcess(program, env)));
        const cubes = runCubes.map((cube) => ({ ...cube, port: settings.ports[cube.portName] }));
        const portsOfCubes = new Set(cubes.map(({ port }) => port));
        const portsOfOthers = Object.values(settings.ports).filter((port) => !portsOfCubes.has(port));
        await supervisor.bringUpCubes(new CubeSupervisor(home, env, cubes, portsOfOthers));
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
 * Stops a stack whether or not its supervisor still lives; `purge` removes its state folder too.
 * Returns whether there was anything to stop.
 */
export async function stopStack(home: StackHome, options: { purge: boolean }): Promise<boolean> {
  if (!home.exists) return false;
  const supervisor = home.supervisor();
  const lived = supervisor !== undefined || listProcesses(home).length > 0;
  if (supervisor !== undefined) {
    signalProcess(supervisor, 'SIGTERM');
    while (isAlive(supervisor)) await sleep(50);
  }
  // A supervisor that was killed left these.
  for (const entry of [...home.processes()].reverse()) await endLeftover(entry);
  home.recordProcesses([]);
  if (options.purge) removeWhole(home.folder);
  return lived;
}

/** Out of the way at once, then removed: killed in between, the next start does not find half a stack. */
function removeWhole(folder: string): void {
  const removed = `${folder}.removed`;
  rmSync(removed, { recursive: true, force: true });
  renameSync(folder, removed);
  rmSync(removed, { recursive: true, force: true });
}

/** What the stack runs now. */
export function listProcesses(home: StackHome): readonly ProcessEntry[] {
  return home.processes().filter(isAlive);
}

const leftoverPatience = 10_000;

async function endLeftover(entry: ProcessEntry): Promise<void> {
  signalProcess(entry, entry.name.startsWith('postgres') ? 'SIGINT' : 'SIGTERM');
  const deadline = Date.now() + leftoverPatience;
  while (isAlive(entry)) {
    if (Date.now() > deadline) signalProcess(entry, 'SIGKILL');
    await sleep(20);
  }
}

const ownServerHint =
  'See that it runs and that host, port, user, password and database are right; or leave the variable out.';

async function checkOwnServers(own: ReturnType<typeof ownServers>): Promise<void> {
  const { LEGACY_DATABASE_URL, CUBE_DATABASE_URL, TEMPORAL_ADDRESS, REDIS_URL } = own;
  if (LEGACY_DATABASE_URL !== undefined && !(await answers(LEGACY_DATABASE_URL))) {
    throw new Failure('legacy_unreachable', 'The database that LEGACY_DATABASE_URL names cannot be reached.', {
      hint: ownServerHint,
    });
  }
  if (CUBE_DATABASE_URL !== undefined && !(await answers(CUBE_DATABASE_URL))) {
    throw new Failure('cube_unreachable', 'The database that CUBE_DATABASE_URL names cannot be reached.', {
      hint: ownServerHint,
    });
  }
  if (REDIS_URL !== undefined) {
    const { hostname, port } = new URL(REDIS_URL);
    if (!(await listens(Number(port || 6379), hostname)))
      throw new Failure('redis_unreachable', 'The Redis server that REDIS_URL names cannot be reached.', {
        hint: ownServerHint,
      });
  }
  if (TEMPORAL_ADDRESS === undefined) return;
  const [host = '', port = ''] = TEMPORAL_ADDRESS.split(/:(?=\d+$)/);
  if (!(await listens(Number(port), host))) {
    throw new Failure('temporal_unreachable', `The Temporal server at ${TEMPORAL_ADDRESS} cannot be reached.`, {
      hint: ownServerHint,
    });
  }
}
