import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { crashPoints } from '../base/crash-points.js';
import { Failure, toFailure } from '../base/failures.js';
import { type TrafficName, trafficNames } from '../domain/cubes.js';
import { postgresUrlProblem, redisUrlProblem, urlProblem } from './server-urls.js';

/**
 * Every environment variable the programs read, in one table: checked once at start, all problems told at once.
 * A program asks for the names it needs; nothing else in `src` reads the environment.
 */
interface Variable<T> {
  readonly text: string;
  readonly secret: boolean;
  readonly fallback?: T;
  /** The variable whose value serves where this one is not set. */
  readonly elsewhere?: string;
  /** Returns the value, or throws an Error whose message completes "NAME …". */
  readonly parse: (value: string) => T;
}

const variables = {
  TEMPORAL_ADDRESS: variable('host:port of the Temporal server', parseHostPort),
  TEMPORAL_NAMESPACE: variable('Temporal namespace', parseName, { fallback: 'default' }),
  TEMPORAL_TLS: variable(
    "whether Temporal is spoken to over TLS: on, off, or the PEM file of the authority that signed the server's certificate",
    parseTls,
    { fallback: 'off' },
  ),
  TEMPORAL_TLS_CA: variable(
    "PEM file of the authority that signed the Temporal server's certificate; turns TLS on",
    parseCertificateFile,
    { fallback: '' },
  ),
  TEMPORAL_TLS_CERT: variable(
    'PEM file of the certificate that the Temporal server is shown, for one that asks; turns TLS on',
    parseCertificateFile,
    { fallback: '' },
  ),
  TEMPORAL_TLS_KEY: variable('PEM file of the key of TEMPORAL_TLS_CERT', parseKeyFile, { fallback: '' }),
  TEMPORAL_API_KEY: variable('API key of the Temporal namespace; with one TLS is always on', parseKey, {
    secret: true,
    fallback: '',
  }),
  LEGACY_DATABASE_URL: variable('PostgreSQL URL of the monolith', parsePostgresUrl, { secret: true }),
  SAJU_CUBE_LEGACY_URL: variable(
    "PostgreSQL URL of the monolith with the saju cube's own role; LEGACY_DATABASE_URL without it",
    parsePostgresUrl,
    { secret: true, elsewhere: 'LEGACY_DATABASE_URL' },
  ),
  CUBE_DATABASE_URL: variable('PostgreSQL URL of the cubes', parsePostgresUrl, { secret: true }),
  AUDIT_DATABASE_URL: variable(
    'PostgreSQL URL of the cubes, where issued tokens are put on record; without it they stand in the log alone',
    parsePostgresUrl,
    { secret: true, fallback: '' },
  ),
  REDIS_URL: variable('Redis URL', parseRedisUrl, { secret: true }),
  REDIS_SERVER_UID: variable<number | null>(
    'user id that a Redis of this machine runs as: no other program on its port is told anything; empty for a Redis elsewhere',
    parseUserId,
    { fallback: null },
  ),
  CUBE_JWT_SECRET: variable('secret that cube tokens are signed with', parseSecret, { secret: true }),
  CUBE_JWT_SECRET_PREVIOUS: variable('secret that cube tokens were signed with until it was changed', parseSecret, {
    secret: true,
    fallback: '',
  }),
  USER_JWT_SECRET: variable(
    "secret that HEAL7's login signs user tokens with; without it they are refused",
    parseSecret,
    {
      secret: true,
      fallback: '',
    },
  ),
  USER_JWT_SECRET_PREVIOUS: variable('secret that user tokens were signed with until it was changed', parseSecret, {
    secret: true,
    fallback: '',
  }),
  TOKEN_SECRETS_FILE: variable(
    'JSON file with the secrets of tokens, looked at every second; what it has outranks the variables',
    parsePath,
    { fallback: '' },
  ),
  TRUSTED_EDGES: variable('networks whose X-User-Id header is believed, separated by commas', parseNetworks, {
    fallback: ['127.0.0.0/8', '::1/128'],
  }),
  INSTANCE_NETWORKS: variable(
    'networks in which instances of cubes are called, separated by commas; any without it',
    parseNetworks,
    { fallback: [] },
  ),
  LEGACY_SAJU_URL: variable("URL of the monolith's saju service", parseOrigin, { fallback: '' }),
  LEGACY_AI_URL: variable("URL of the monolith's models", parseOrigin, { fallback: '' }),
  LEGACY_PAPERWORK_URL: variable("URL of the monolith's paperwork service", parseOrigin, { fallback: '' }),
  LEGACY_CRAWLER_URL: variable("URL of the monolith's crawler service", parseOrigin, { fallback: '' }),
  PROMETHEUS_URL: variable('Prometheus that scrapes the gateways; without it they are asked directly', parseHttpUrl, {
    fallback: '',
  }),
  CUBE_HOST: variable('address a cube listens on', parseHost, { fallback: '127.0.0.1' }),
  CUBE_PORT: variable('port a cube listens on; 0 for any that is free', parsePort, { fallback: 0 }),
  GATEWAY_PORT: variable('port of the gateway that `up` starts', parsePort, { fallback: 8088 }),
  SECURITY_CUBE_PORT: variable('port of the security cube that `up` starts', parsePort, { fallback: 8080 }),
  MONITORING_CUBE_PORT: variable('port of the monitoring cube that `up` starts', parsePort, { fallback: 9464 }),
  SAJU_CUBE_PORT: variable('port of the first saju cube that `up` starts', parsePort, { fallback: 8001 }),
  LEGACY_SAJU_PORT: variable("port of the monolith's saju service that `up` starts", parsePort, { fallback: 8011 }),
  CUBE_URL: variable('where others reach this cube, when not at its own address', parseHttpUrl, { fallback: '' }),
  CUBE_VERSION: variable('version this cube says it is; the version of the package by default', parseName, {
    fallback: '',
  }),
  INSTANCE_ID: variable('name of this instance of a cube; a random one by default', parseName, { fallback: '' }),
  STATE_DIR: variable('folder for snapshots and releases', parsePath, { fallback: '.cubeshift' }),
  GATEWAY_SHADOW: variable(
    'whether the gateway compares the sides of cubes beside its traffic: on or off',
    parseSwitch,
    {
      fallback: true,
    },
  ),
  GATEWAY_WINDOW_SECONDS: variable('seconds in which the gateway counts a user once', parseSeconds, { fallback: 10 }),
  GATEWAY_RATE_PER_SECOND: variable(
    'requests a second of one user at the gateways, four times that at once; 0 for any number',
    parseRate,
    { fallback: 50 },
  ),
  GATEWAY_ADDRESS_RATE_PER_SECOND: variable(
    'requests a second of one address at the gateways, four times that at once; 0 for any number',
    parseRate,
    { fallback: 500 },
  ),
  GATEWAY_TUNNELS: variable('WebSockets that a gateway holds at once; 0 for any number', parseCount, {
    fallback: 4096,
  }),
  GATEWAY_TUNNELS_PER_CLIENT: variable(
    'WebSockets of one user, or of one address without a user, at a gateway; 0 for any number',
    parseCount,
    { fallback: 100 },
  ),
  ESCALATION_WEBHOOK_URL: variable('URL told of an emergency rollback that needs a person', parseHttpUrl, {
    fallback: '',
  }),
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
  MAX_INSTANCES_PER_CUBE: variable(
    'how many instances of one cube may run at once, of all its versions',
    parseInstances,
    { fallback: 8 },
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

/** One of these without the others is of no use. */
const together: readonly (readonly VariableName[])[] = [['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY']];

export type Configuration = {
  readonly [Name in VariableName]: (typeof variables)[Name] extends Variable<infer T> ? T : never;
};

const legacyUrlOf = {
  saju: 'LEGACY_SAJU_URL',
  ai: 'LEGACY_AI_URL',
  paperwork: 'LEGACY_PAPERWORK_URL',
  crawler: 'LEGACY_CRAWLER_URL',
} as const satisfies Readonly<Record<TrafficName, VariableName>>;
type LegacyUrlVariable = (typeof legacyUrlOf)[TrafficName];

/** Where the monolith serves the users of each cube. */
export const legacyUrlVariables: readonly LegacyUrlVariable[] = Object.values(legacyUrlOf);

/** The monolith's services by the name of their cube; one that is not set is not there. */
export function legacyUrlsOf(config: Pick<Configuration, LegacyUrlVariable>): ReadonlyMap<TrafficName, string> {
  const urls = trafficNames.map((name) => [name, config[legacyUrlOf[name]]] as const);
  return new Map(urls.filter(([, url]) => url !== ''));
}

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
    const source = environment[name] || rule.elsewhere === undefined ? name : rule.elsewhere;
    const raw = environment[source];
    if (raw === undefined || raw === '') {
      if (rule.fallback === undefined) problems.push(`${name} is not set (${rule.text}).`);
      values[name] = rule.fallback;
      continue;
    }
    try {
      values[name] = rule.parse(raw);
    } catch (error) {
      problems.push(`${source} ${error instanceof Error ? error.message : 'is not valid'} (${rule.text}).`);
    }
  }
  for (const pair of together) {
    const asked = pair.some((name) => (names as readonly VariableName[]).includes(name));
    const told = problems.some((problem) => pair.some((name) => problem.startsWith(`${name} `)));
    if (asked && !told && new Set(pair.map((name) => Boolean(environment[name]))).size > 1)
      problems.push(`${pair.join(' and ')} are needed together.`);
  }
  if (problems.length > 0) throw new Failure('configuration_invalid', problems.join('\n'));
  return values as Pick<Configuration, Name>;
}

/** `readConfiguration` for a program's start: a wrong environment ends the process with code 2 and a sentence for each variable. */
export function configureOrExit<Name extends VariableName>(
  names: readonly Name[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Pick<Configuration, Name> {
  try {
    return readConfiguration(environment, names);
  } catch (error) {
    return refuseToStart(error);
  }
}

/** Ends the process with code 2 and what is wrong with its surroundings. */
export function refuseToStart(error: unknown): never {
  process.stderr.write(`${toFailure(error).message}\n`);
  process.exit(2);
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
  options: { secret?: boolean; fallback?: T; elsewhere?: string } = {},
): Variable<T> {
  return {
    text,
    parse,
    secret: options.secret ?? false,
    ...(options.fallback === undefined ? {} : { fallback: options.fallback }),
    ...(options.elsewhere === undefined ? {} : { elsewhere: options.elsewhere }),
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

function parseTls(value: string): string {
  if (value === 'on' || value === 'off') return value;
  if (holds(value, /-----BEGIN CERTIFICATE-----/)) return value;
  throw new Error('must be on, off or the path of a PEM file with a certificate');
}

function parseCertificateFile(value: string): string {
  if (!holds(value, /-----BEGIN CERTIFICATE-----/))
    throw new Error('must be the path of a PEM file with a certificate');
  return value;
}

function parseKeyFile(value: string): string {
  if (!holds(value, /-----BEGIN (?:\w+ )?PRIVATE KEY-----/))
    throw new Error('must be the path of a PEM file with a private key');
  return value;
}

/** A file that cannot be read is as wrong as one with something else in it. */
function holds(path: string, what: RegExp): boolean {
  try {
    return what.test(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}

/** It becomes a bearer token: https://www.rfc-editor.org/rfc/rfc6750#section-2.1. */
function parseKey(value: string): string {
  if (!/^[\w.~+/-]+=*$/.test(value)) throw new Error('must be a bearer token: letters, digits and -._~+/');
  return value;
}

function parseDays(value: string): number {
  if (!/^\d{1,5}$/.test(value)) throw new Error('must be a whole number of days');
  return Number(value);
}

function parseSeconds(value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new Error('must be a whole number of seconds, 1 to 9999');
  return Number(value);
}

function parseInstances(value: string): number {
  if (!/^[1-9]\d{0,2}$/.test(value)) throw new Error('must be a whole number of instances, 1 to 999');
  return Number(value);
}

function parseRate(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new Error('must be a whole number of requests, 0 to 999999');
  return Number(value);
}

function parseUserId(value: string): number {
  if (!/^\d{1,10}$/.test(value)) throw new Error('must be the number of a user');
  return Number(value);
}

function parseCount(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new Error('must be a whole number, 0 to 999999');
  return Number(value);
}

/** The value, unless there is a problem: that completes "NAME …". */
function checked(value: string, problem: string | undefined): string {
  if (problem !== undefined) throw new Error(problem);
  return value;
}

function parsePostgresUrl(value: string): string {
  return checked(value, postgresUrlProblem(value));
}

function parseRedisUrl(value: string): string {
  return checked(value, redisUrlProblem(value));
}

function parseHttpUrl(value: string): string {
  return checked(value, urlProblem(value, ['http:', 'https:'], 'http://127.0.0.1:8090')).replace(/(?<!\/)\/+$/, '');
}

/** As `parseHttpUrl`, of a service whose paths are its own. */
function parseOrigin(value: string): string {
  const url = parseHttpUrl(value);
  if (new URL(url).origin !== url) throw new Error('must be scheme, host and port alone, without a path');
  return url;
}

/** `10.0.0.0/8, ::1` as networks; an address alone is a network of one. */
function parseNetworks(value: string): readonly string[] {
  const networks = value.split(',').map((one) => one.trim());
  for (const network of networks) {
    const [address = '', bits, ...rest] = network.split('/');
    const family = isIP(address);
    const max = family === 4 ? 32 : 128;
    if (family === 0 || rest.length > 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= max)))
      throw new Error('must be networks such as 10.0.0.0/8, separated by commas');
  }
  return networks;
}

function parseSwitch(value: string): boolean {
  if (value !== 'on' && value !== 'off') throw new Error('must be on or off');
  return value === 'on';
}

function parsePath(value: string): string {
  if (value.includes('\0')) throw new Error('must be a path');
  return value;
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
