import { crashPoints } from './crash-points.js';
import { Failure } from './failures.js';

/**
 * Every environment variable the programs read, in one table: checked once at start, all problems told at once.
 * A program asks for the names it needs; nothing else in `src` reads the environment.
 */
interface Variable<T> {
  readonly text: string;
  readonly secret: boolean;
  readonly fallback?: T;
  /** Returns the value, or throws an Error whose message completes "NAME …". */
  readonly parse: (value: string) => T;
}

const variables = {
  TEMPORAL_ADDRESS: variable('host:port of the Temporal server', parseHostPort),
  TEMPORAL_NAMESPACE: variable('Temporal namespace', parseName, { fallback: 'default' }),
  LEGACY_DATABASE_URL: variable('PostgreSQL URL of the monolith', parsePostgresUrl, { secret: true }),
  CUBE_DATABASE_URL: variable('PostgreSQL URL of the cubes', parsePostgresUrl, { secret: true }),
  REDIS_URL: variable('Redis URL', parseRedisUrl, { secret: true }),
  CUBE_JWT_SECRET: variable('secret that cube tokens are signed with', parseSecret, { secret: true }),
  CONTROL_HOST: variable('address the control API listens on', parseHost, { fallback: '127.0.0.1' }),
  CONTROL_PORT: variable('port of the control API', parsePort, { fallback: 8090 }),
  CONTROL_URL: variable('where the command line finds the control API', parseHttpUrl, {
    fallback: 'http://127.0.0.1:8090',
  }),
  WORKER_METRICS_ADDRESS: variable(
    'host:port at which a worker tells Prometheus of itself; empty for none',
    parseHostPort,
    {
      fallback: '',
    },
  ),
  LEDGER_RETENTION_DAYS: variable(
    'days after the end of a migration until the ledger forgets record contents',
    parseDays,
    { fallback: 90 },
  ),
  LOG_LEVEL: variable('how much is logged', parseLogLevel, { fallback: 'info' }),
  CUBESHIFT_CRASH_POINT: variable(
    'name of a point at which the program kills itself, for tests of recovery',
    parseCrashPoint,
    {
      fallback: '',
    },
  ),
} as const;

export type VariableName = keyof typeof variables;
export type Configuration = {
  readonly [Name in VariableName]: (typeof variables)[Name] extends Variable<infer T> ? T : never;
};

/** What each variable is for, and whether its value may be shown. */
export const variableTexts: Readonly<Record<VariableName, { readonly text: string; readonly secret: boolean }>> =
  variables;

/**
 * Reads the named variables. Throws one `configuration_invalid` failure that lists every problem, one sentence each;
 * values never appear in it.
 */
export function readConfiguration<Name extends VariableName>(
  environment: Readonly<Record<string, string | undefined>>,
  names: readonly Name[],
): Pick<Configuration, Name> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const rule: Variable<unknown> = variables[name];
    const raw = environment[name];
    if (raw === undefined || raw === '') {
      if (rule.fallback === undefined) problems.push(`${name} is not set (${rule.text}).`);
      values[name] = rule.fallback;
      continue;
    }
    try {
      values[name] = rule.parse(raw);
    } catch (error) {
      problems.push(`${name} ${error instanceof Error ? error.message : 'is not valid'} (${rule.text}).`);
    }
  }
  if (problems.length > 0) throw new Failure('configuration_invalid', problems.join('\n'));
  return values as Pick<Configuration, Name>;
}

/** Checks every variable that is set, for a program that passes them on to others. Throws as `readConfiguration` does. */
export function checkVariables(environment: Readonly<Record<string, string | undefined>>): void {
  const names = Object.keys(variables) as VariableName[];
  readConfiguration(
    environment,
    names.filter((name) => environment[name] !== undefined && environment[name] !== ''),
  );
}

function variable<T>(
  text: string,
  parse: (value: string) => T,
  options: { secret?: boolean; fallback?: T } = {},
): Variable<T> {
  return {
    text,
    parse,
    secret: options.secret ?? false,
    ...(options.fallback === undefined ? {} : { fallback: options.fallback }),
  };
}

function parseHost(value: string): string {
  if (!/^[\w.:%-]+$/.test(value)) throw new Error('must be a host name or an IP address');
  return value;
}

/** A point that is not there would never be reached: a test of recovery would prove nothing. */
function parseCrashPoint(value: string): string {
  if (!crashPoints.some((point) => point === value)) throw new Error(`must be one of ${crashPoints.join(', ')}`);
  return value;
}

function parseName(value: string): string {
  if (!/^[\w.-]{1,200}$/.test(value)) throw new Error('must be letters, digits, dots, dashes or underscores');
  return value;
}

function parseHostPort(value: string): string {
  const match = /^(\[[0-9a-fA-F:]+\]|[^\s:/@]+):(\d{1,5})$/.exec(value);
  if (match === null || Number(match[2]) < 1 || Number(match[2]) > 65535) throw new Error('must be host:port');
  return value;
}

function parsePort(value: string): number {
  const port = Number(value);
  if (!/^\d{1,5}$/.test(value) || port > 65535) throw new Error('must be a port number, 0 to 65535');
  return port;
}

function parseDays(value: string): number {
  if (!/^\d{1,5}$/.test(value)) throw new Error('must be a whole number of days');
  return Number(value);
}

function parseUrl(value: string, protocols: readonly string[], example: string): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error(`must be a URL such as ${example}`);
  }
  if (!protocols.includes(url.protocol) || url.hostname === '') throw new Error(`must be a URL such as ${example}`);
  return value;
}

function parsePostgresUrl(value: string): string {
  const checked = parseUrl(value, ['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/database');
  if (new URL(checked).pathname.length < 2) throw new Error('must name a database after the host, as in …:5432/heal7');
  return checked;
}

function parseRedisUrl(value: string): string {
  return parseUrl(value, ['redis:', 'rediss:'], 'redis://host:6379');
}

function parseHttpUrl(value: string): string {
  return parseUrl(value, ['http:', 'https:'], 'http://127.0.0.1:8090').replace(/\/+$/, '');
}

function parseSecret(value: string): string {
  if (Buffer.byteLength(value, 'utf8') < 32) throw new Error('must be 32 bytes or more');
  return value;
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

function parseLogLevel(value: string): LogLevel {
  const level = logLevels.find((known) => known === value);
  if (level === undefined) throw new Error(`must be one of ${logLevels.join(', ')}`);
  return level;
}
