import { resolve } from 'node:path';
import { type VariableName, variableNames, variablesFrom, variableTable } from '../config/variables.js';
import { byServedCube, type ServedCube, servedCubes } from '../domain/cubes.js';
import { pathOf } from '../state/files.js';
import { hostOf, legacyPortOf, type PortName, passwordFrom, type StackSettings, stackIdOf } from '../state/settings.js';
import { databaseVariables } from './programs/program-databases.js';
import { redisUrl } from './servers/redis-server.js';

/** The servers a user may bring instead of the embedded ones, by their variables. */
export type OwnServers = Readonly<Partial<Record<VariableName, string>>>;

/** A cube's own URL of legacy's database (`<CUBE>_LEGACY_URL`) names no other server than LEGACY_DATABASE_URL, but another role there. */
export function ownServers(environment: NodeJS.ProcessEnv): OwnServers {
  return setOf(
    environment,
    variableNames.filter((name) => variableTable[name].server),
  );
}

/** Variables that set the port of a program. */
export const portVariables: Readonly<Partial<Record<VariableName, PortName>>> = {
  CONTROL_PORT: 'control',
  GATEWAY_PORT: 'gateway',
  SECURITY_CUBE_PORT: 'security',
  MONITORING_CUBE_PORT: 'monitoring',
  ...byServedCube(
    ({ portVariable }) => portVariable,
    ({ service }) => service,
  ),
  ...byServedCube(({ legacyPortVariable }) => legacyPortVariable, legacyPortOf),
  CRAWLER_SITE_PORT: 'crawlerSite',
};

/** The ports that the environment sets; 0 leaves the choice to the stack. */
export function requestedPorts(environment: NodeJS.ProcessEnv): Partial<Record<PortName, number>> {
  return Object.fromEntries(
    Object.entries(portVariables).flatMap(([name, port]) =>
      Number(environment[name] || 0) === 0 ? [] : [[port, Number(environment[name])]],
    ),
  );
}

/** Variables that the caller has set to another value than the running stack was started with: they change nothing in it. */
export function ignoredVariables(
  environment: NodeJS.ProcessEnv,
  live: Readonly<Record<string, string>>,
): readonly string[] {
  const given: NodeJS.ProcessEnv = { ...environment, ...contentFolders(environment, '') };
  const taken: ReadonlySet<string> = new Set([...variablesFrom('caller'), ...Object.keys(contentFolders({}, ''))]);
  return variableNames.filter((name) => taken.has(name) && environment[name] && given[name] !== live[name]);
}

/**
 * The variables of a stack with their live values: those that the table gives the stack as their source, and what the
 * caller set of the others. The databases are named as their owners know them, and with the cubes' own roles.
 * `temporal` are the variables of an embedded Temporal server that is closed to others.
 */
export function stackEnvironment(
  settings: StackSettings,
  environment: NodeJS.ProcessEnv,
  stateFolder: string,
  temporal: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const { ports } = settings;
  const own = ownServers(environment);
  const local = (port: PortName) => `http://${hostOf(port)}:${ports[port]}`;
  const databases = (names: readonly VariableName[], roles: Parameters<typeof databaseVariables>[1]) =>
    databaseVariables(names, roles, settings, own);
  const legacyDatabaseOf = ({ legacyDatabaseVariable, role }: ServedCube) =>
    databases([legacyDatabaseVariable], { legacy: role });
  const chosen: Readonly<Partial<Record<VariableName, string>>> = {
    STATE_DIR: stateFolder,
    STACK_ID: stackIdOf(settings),
    TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporal}`,
    TEMPORAL_NAMESPACE: 'default',
    ...databases(['LEGACY_DATABASE_URL', 'CUBE_DATABASE_URL'], { legacy: 'heal7', cube: 'cubes' }),
    // On a server of the user's own the cubes come as the engine does, where nothing else is said.
    ...(own.LEGACY_DATABASE_URL === undefined ? Object.assign({}, ...servedCubes.map(legacyDatabaseOf)) : {}),
    REDIS_URL: redisUrl({ port: ports.redis, password: passwordFrom(settings, 'redis') }),
    ...(own.REDIS_URL === undefined ? redisUserId() : {}),
    CUBE_JWT_SECRET: settings.cubeJwtSecret,
    USER_JWT_SECRET: settings.userJwtSecret,
    ...contentFolders(environment, stateFolder),
    TOKEN_SECRETS_FILE: resolve(environment.TOKEN_SECRETS_FILE || pathOf(stateFolder, 'tokenSecrets')),
    ...byServedCube(
      ({ legacyUrlVariable }) => legacyUrlVariable,
      (cube) => local(legacyPortOf(cube)),
    ),
    CONTROL_PORT: String(ports.control),
    CONTROL_URL: `http://${reachableHost(environment.CONTROL_HOST)}:${ports.control}`,
    GATEWAY_URL: local('gateway'),
    SECURITY_CUBE_URL: local('security'),
    MONITORING_CUBE_URL: local('monitoring'),
    ...crawlerSite(settings, environment),
    ...byServedCube(
      ({ urlVariable }) => urlVariable,
      ({ service }) => local(service),
    ),
    ...(own.TEMPORAL_ADDRESS === undefined
      ? { TEMPORAL_UI_URL: `http://127.0.0.1:${ports.temporalUi}`, ...temporal }
      : {}),
  };
  return { ...chosen, ...setOf(environment, variablesFrom('caller').filter(fits)) };

  /** How a server of the caller's own is spoken to says nothing about an embedded one. */
  function fits(name: VariableName): boolean {
    const { of } = variableTable[name];
    return of === undefined || Boolean(environment[of]);
  }
}

/** The site that the jobs of the stand-in crawl, to which alone of this machine crawlers connect. The jobs of a crawler of the caller's own have their own. */
function crawlerSite({ ports }: StackSettings, environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  if (environment.LEGACY_CRAWLER_URL) return {};
  const [host, port] = [hostOf('crawlerSite'), ports.crawlerSite];
  return { CRAWLER_SITE_URL: `http://${host}:${port}`, CRAWLER_ALLOWED_TARGETS: `${host}/32:${port}` };
}

/** Where contents lie in a stack: the caller's folders, else those in the state folder. Programs run in another folder than the caller. */
export function contentFolders(environment: NodeJS.ProcessEnv, stateFolder: string) {
  return {
    LEGACY_MODEL_DIR: resolve(environment.LEGACY_MODEL_DIR || pathOf(stateFolder, 'legacyModels', 'models')),
    LEGACY_STORAGE_DIR: resolve(environment.LEGACY_STORAGE_DIR || pathOf(stateFolder, 'legacyFiles', 'files')),
    CUBE_STORAGE_URL: absolute(environment.CUBE_STORAGE_URL || pathOf(stateFolder, 'storage')),
  } satisfies Readonly<Partial<Record<VariableName, string>>>;
}

/** A folder by its absolute path; the address of a store that is none is left for the programs to refuse. */
function absolute(storage: string): string {
  return storage.includes('://') ? storage : resolve(storage);
}

/** These variables, as far as they are set and not empty. */
function setOf(
  environment: NodeJS.ProcessEnv,
  names: readonly VariableName[],
): Readonly<Partial<Record<VariableName, string>>> {
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}

/** The embedded Redis runs as the user of this process. */
function redisUserId(): Readonly<Record<string, string>> {
  const userId = process.geteuid?.();
  return userId === undefined ? {} : { REDIS_SERVER_UID: String(userId) };
}

/** Where this machine reaches a program that listens on `host`. */
function reachableHost(host: string | undefined): string {
  if (!host || host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
