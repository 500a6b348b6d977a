import type { StackSettings } from './home.js';

/** The servers a user may bring instead of the embedded ones, by their variables. */
export type OwnServers = Readonly<
  Partial<Record<'TEMPORAL_ADDRESS' | 'LEGACY_DATABASE_URL' | 'CUBE_DATABASE_URL' | 'REDIS_URL', string>>
>;

export function ownServers(environment: NodeJS.ProcessEnv): OwnServers {
  const names = ['TEMPORAL_ADDRESS', 'LEGACY_DATABASE_URL', 'CUBE_DATABASE_URL', 'REDIS_URL'] as const;
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
}

/** Every variable that the programs of a stack read, with its live value: embedded defaults where nothing else is set. */
export function stackEnvironment(settings: StackSettings, environment: NodeJS.ProcessEnv): Record<string, string> {
  const { ports, postgresPassword: password } = settings;
  const own = ownServers(environment);
  const passed = [
    'TEMPORAL_NAMESPACE',
    'CUBE_JWT_SECRET',
    'CONTROL_HOST',
    'LEDGER_RETENTION_DAYS',
    'LOG_LEVEL',
    'CUBESHIFT_CRASH_POINT',
  ].flatMap((name) => {
    const value = environment[name];
    return value ? [[name, value] as const] : [];
  });
  return {
    TEMPORAL_ADDRESS: `127.0.0.1:${ports.temporal}`,
    TEMPORAL_NAMESPACE: 'default',
    LEGACY_DATABASE_URL: `postgres://cubeshift:${password}@127.0.0.1:${ports.legacyPostgres}/heal7`,
    CUBE_DATABASE_URL: `postgres://cubeshift:${password}@127.0.0.1:${ports.cubePostgres}/cubes`,
    REDIS_URL: `redis://127.0.0.1:${ports.redis}`,
    CUBE_JWT_SECRET: settings.cubeJwtSecret,
    CONTROL_PORT: String(ports.control),
    ...own,
    ...Object.fromEntries(passed),
    CONTROL_URL: `http://${reachableHost(environment.CONTROL_HOST)}:${ports.control}`,
    ...(own.TEMPORAL_ADDRESS === undefined ? { TEMPORAL_UI_URL: `http://127.0.0.1:${ports.temporalUi}` } : {}),
  };
}

/** Where this machine reaches a program that listens on `host`. */
function reachableHost(host: string | undefined): string {
  if (!host || host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
