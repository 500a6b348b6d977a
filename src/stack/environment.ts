import { join, resolve } from 'node:path';
import { type PortName, passwordFrom, type StackSettings, secretsFile } from '../state/home.js';
import { type DatabaseNeeds, databaseVariables } from './programs/program-databases.js';
import { redisUrl } from './servers/redis-server.js';

/** The servers a user may bring instead of the embedded ones, by their variables. */
export type OwnServers = Readonly<Partial<Record<(typeof serverVariables)[number], string>>>;

/** `SAJU_CUBE_LEGACY_URL` names no other server than LEGACY_DATABASE_URL, but another role there. */
const serverVariables = [
  'TEMPORAL_ADDRESS',
  'LEGACY_DATABASE_URL',
  'SAJU_CUBE_LEGACY_URL',
  'CUBE_DATABASE_URL',
  'REDIS_URL',
] as const;

export function ownServers(environment: NodeJS.ProcessEnv): OwnServers {
  return Object.fromEntries(serverVariables.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}

/** Variables that ask for a port of a program. */
const portVariables = {
  CONTROL_PORT: 'control',
  GATEWAY_PORT: 'gateway',
  SECURITY_CUBE_PORT: 'security',
  MONITORING_CUBE_PORT: 'monitoring',
  SAJU_CUBE_PORT: 'saju',
  LEGACY_SAJU_PORT: 'legacySaju',
} as const satisfies Record<string, PortName>;

/** The ports that the environment asks for. */
export function requestedPorts(environment: NodeJS.ProcessEnv): Partial<Record<PortName, number>> {
  return Object.fromEntries(
    Object.entries(portVariables).flatMap(([name, port]) =>
      environment[name] ? [[port, Number(environment[name])]] : [],
    ),
  );
}

/** How a Temporal server of the user's own is spoken to: nothing of it fits the embedded one. */
const temporalAccessVariables = [
  'TEMPORAL_TLS',
  'TEMPORAL_TLS_CA',
  'TEMPORAL_TLS_CERT',
  'TEMPORAL_TLS_KEY',
  'TEMPORAL_API_KEY',
] as const;

/** What is passed on to the programs as the caller set it. */
const passedVariables = [
  'TEMPORAL_NAMESPACE',
  ...temporalAccessVariables,
  'CUBE_JWT_SECRET',
  'CUBE_JWT_SECRET_PREVIOUS',
  'USER_JWT_SECRET',
  'USER_JWT_SECRET_PREVIOUS',
  'TRUSTED_EDGES',
  'INSTANCE_NETWORKS',
  'LEGACY_SAJU_URL',
  'LEGACY_AI_URL',
  'LEGACY_PAPERWORK_URL',
  'LEGACY_CRAWLER_URL',
  'PROMETHEUS_URL',
  'ESCALATION_WEBHOOK_URL',
  'GATEWAY_WINDOW_SECONDS',
  'GATEWAY_SHADOW',
  'GATEWAY_RATE_PER_SECOND',
  'GATEWAY_ADDRESS_RATE_PER_SECOND',
  'GATEWAY_TUNNELS',
  'GATEWAY_TUNNELS_PER_CLIENT',
  'CONTROL_HOST',
  'LEDGER_RETENTION_DAYS',
  'MAX_INSTANCES_PER_CUBE',
  'LOG_LEVEL',
  'CUBESHIFT_CRASH_POINT',
] as const;

const honoredVariables = [...serverVariables, ...passedVariables] as const;

/** Variables that the caller has set, and set otherwise than the stack that runs was started with: they change nothing in it. */
export function ignoredVariables(
  environment: NodeJS.ProcessEnv,
  live: Readonly<Record<string, string>>,
): readonly string[] {
  return honoredVariables.filter((name) => environment[name] && environment[name] !== live[name]);
}

/** What people and their programs are told: the databases as their owners know them, and the cubes' roles of their own. */
const printedDatabases: DatabaseNeeds = { LEGACY_DATABASE_URL: 'heal7', CUBE_DATABASE_URL: 'cubes' };
/** On a server of the user's own the cubes come as the engine does, where nothing else is said. */
const printedRoles: DatabaseNeeds = { SAJU_CUBE_LEGACY_URL: 'saju_cube' };

/**
 * Every variable that the programs of a stack read, with its live value: embedded defaults where nothing else is set.
 * `temporal` are those of an embedded Temporal server that is closed to others.
 */
export function stackEnvironment(
  settings: StackSettings,
  environment: NodeJS.ProcessEnv,
  stateFolder: string,
  temporal: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const { ports } = settings;
  const own = ownServers(environment);
  const passed = passedVariables.flatMap((name) => {
    const value = environment[name];
    const fits = own.TEMPORAL_ADDRESS !== undefined || !temporalAccessVariables.some((one) => one === name);
    return value && fits ? [[name, value] as const] : [];
  });
  const local = (port: PortName) => `http://127.0.0.1:${ports[port]}`;
  return {
    TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporal}`,
    TEMPORAL_NAMESPACE: 'default',
    ...databaseVariables(printedDatabases, settings, own),
    ...(own.LEGACY_DATABASE_URL === undefined ? databaseVariables(printedRoles, settings, own) : {}),
    REDIS_URL: redisUrl({ port: ports.redis, password: passwordFrom(settings, 'redis') }),
    CUBE_JWT_SECRET: settings.cubeJwtSecret,
    USER_JWT_SECRET: settings.userJwtSecret,
    STATE_DIR: stateFolder,
    LEGACY_SAJU_URL: local('legacySaju'),
    CONTROL_PORT: String(ports.control),
    ...own,
    ...(own.REDIS_URL === undefined ? redisOwner() : {}),
    ...Object.fromEntries(passed),
    // Programs run in another folder than the caller.
    TOKEN_SECRETS_FILE: resolve(environment.TOKEN_SECRETS_FILE || join(stateFolder, secretsFile)),
    GATEWAY_URL: local('gateway'),
    SECURITY_CUBE_URL: local('security'),
    MONITORING_CUBE_URL: local('monitoring'),
    SAJU_CUBE_URL: local('saju'),
    CONTROL_URL: `http://${reachableHost(environment.CONTROL_HOST)}:${ports.control}`,
    ...(own.TEMPORAL_ADDRESS === undefined
      ? { TEMPORAL_UI_URL: `http://127.0.0.1:${ports.temporalUi}`, ...temporal }
      : {}),
  };
}

/** The embedded Redis runs as who runs this. */
function redisOwner(): Record<string, string> {
  const owner = process.geteuid?.();
  return owner === undefined ? {} : { REDIS_SERVER_UID: String(owner) };
}

/** Where this machine reaches a program that listens on `host`. */
function reachableHost(host: string | undefined): string {
  if (!host || host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
