import { cubes } from '../domain/catalog.js';
import { type CubeVariable, servedCubes } from '../domain/cubes.js';
import {
  cubePortVariables,
  cubeUrlVariables,
  legacyDatabaseVariables,
  legacyPortVariables,
  legacyUrlVariables,
} from './cube-variables.js';
import {
  parseEndpoint,
  parseHost,
  parseHostPort,
  parseHttpUrl,
  parseNetworks,
  parsePort,
  parsePostgresUrl,
  parseRedisUrl,
  parseTargets,
} from './parsers/addresses.js';
import {
  parseAccessKey,
  parseBearerToken,
  parseCertificateFile,
  parseKeyFile,
  parsePasswords,
  parseSecret,
  parseSecretKey,
  parseTls,
} from './parsers/credentials.js';
import {
  parseCount,
  parseDays,
  parseInstances,
  parseMebibytes,
  parseRate,
  parseSeconds,
  parseUserId,
} from './parsers/numbers.js';
import {
  parseCrashPoint,
  parseLogLevel,
  parseName,
  parsePath,
  parseRegion,
  parseStorage,
  parseSwitch,
} from './parsers/words.js';
import { type Reader, type Source, type Variable, variable } from './variable.js';

/** What moves rows, and has the plans of it. */
const movers = ['control-worker', 'bulk-worker'] as const satisfies readonly Reader[];
const workers = [...movers, 'documents-worker', 'crawler-worker'] as const satisfies readonly Reader[];
/** What speaks to Temporal. */
const temporal = [...workers, 'control-api'] as const satisfies readonly Reader[];
/** What listens as a cube does. */
const listeners = ['api-gateway-cube', 'cube'] as const satisfies readonly Reader[];
/** What calls, registers or routes instances of cubes, and so knows Redis and cube tokens. */
const traffic = [...movers, 'documents-worker', 'control-api', ...listeners] as const satisfies readonly Reader[];
/** The crawler worker keeps the pace of hosts there. */
const redis = [...traffic, 'crawler-worker'] as const satisfies readonly Reader[];
/** What reads or writes the store of contents. */
const storing = [
  'bulk-worker',
  'documents-worker',
  'control-api',
  'ai-cube',
  'paperwork-cube',
] as const satisfies readonly Reader[];
/** The cubes that serve what the monolith served, and the stand-ins of the monolith's own services. */
const served = servedCubes.map(({ cubeId }) => cubeId);
const standIns = servedCubes.map(({ standIn }) => standIn);

const caller = ['caller'] as const satisfies readonly Source[];
const stack = ['stack'] as const satisfies readonly Source[];
/** The caller's value, else the stack's own. */
const either = [...caller, ...stack] as const satisfies readonly Source[];

/**
 * Every environment variable, once. The programs, the environment that a stack gives each of them, `cubeshift env` and the
 * table in README follow from it; `node scripts/variables.mjs` writes README anew, in English and, with `variables-in-korean.ts`, in Korean.
 */
const variables = {
  CUBESHIFT_HOME: variable('state folder of a stack', parsePath, ['command-line'], { fallback: '.cubeshift' }),
  CUBESHIFT_CACHE: variable('folder of fetched servers', parsePath, ['command-line'], {
    fallback: '',
    note: 'left out, `cubeshift` in `XDG_CACHE_HOME`, or in `~/.cache`',
  }),
  CUBESHIFT_DATABASES: variable("folder of root's embedded databases", parsePath, ['command-line'], {
    fallback: '/var/lib/cubeshift',
  }),
  STATE_DIR: variable(
    'folder for snapshots and releases',
    parsePath,
    ['control-worker', 'control-api', 'api-gateway-cube'],
    {
      fallback: '.cubeshift',
      sources: stack,
    },
  ),
  STACK_ID: variable(
    'which stack of `STATE_DIR` the variables of a shell are of: those of a removed one are refused',
    parseName,
    ['command-line'],
    { fallback: '', sources: stack },
  ),
  TEMPORAL_ADDRESS: variable('host:port of the Temporal server', parseHostPort, temporal, {
    sources: either,
    server: true,
  }),
  TEMPORAL_NAMESPACE: variable('Temporal namespace', parseName, temporal, {
    fallback: 'default',
    sources: either,
    note: 'it must exist, and there is **one for each cube database**: workers of a namespace share their work',
  }),
  TEMPORAL_TLS: variable(
    "whether programs connect to Temporal over TLS: on, off, or the PEM file of the authority that signed the server's certificate",
    parseTls,
    temporal,
    { fallback: 'off', sources: either, of: 'TEMPORAL_ADDRESS' },
  ),
  TEMPORAL_TLS_CA: variable(
    "PEM file of the authority that signed the Temporal server's certificate; turns TLS on",
    parseCertificateFile,
    temporal,
    { fallback: '', sources: either, of: 'TEMPORAL_ADDRESS' },
  ),
  TEMPORAL_TLS_CERT: variable(
    'PEM file of the client certificate for the Temporal server, where it requires one; turns TLS on',
    parseCertificateFile,
    temporal,
    { fallback: '', sources: either, of: 'TEMPORAL_ADDRESS' },
  ),
  TEMPORAL_TLS_KEY: variable('PEM file of the key of TEMPORAL_TLS_CERT', parseKeyFile, temporal, {
    fallback: '',
    sources: either,
    of: 'TEMPORAL_ADDRESS',
  }),
  TEMPORAL_API_KEY: variable('API key of the Temporal namespace; turns TLS on', parseBearerToken, temporal, {
    fallback: '',
    sources: caller,
    of: 'TEMPORAL_ADDRESS',
    secret: true,
  }),
  LEGACY_DATABASE_URL: variable('PostgreSQL URL of the monolith', parsePostgresUrl, [...movers, ...standIns], {
    sources: either,
    server: true,
    secret: true,
    note: 'tested with PostgreSQL 16',
  }),
  ...legacyDatabaseVariables,
  LEGACY_MODEL_DIR: variable(
    "folder of the monolith's AI models, which the engine only reads",
    parsePath,
    ['bulk-worker', 'ai-cube', 'legacy-ai'],
    { fallback: '', sources: stack, note: 'left out, `up` sets one with the models of the stand-in' },
  ),
  LEGACY_STORAGE_DIR: variable(
    "folder of the monolith's files, which the engine only reads; users' uploads go there until a cutover",
    parsePath,
    ['bulk-worker', 'documents-worker', 'paperwork-cube', 'legacy-paperwork'],
    { fallback: '', sources: stack, note: 'left out, `up` sets one with the files of the stand-in' },
  ),
  PAPERWORK_FILE_MIB: variable(
    'size, in MiB, of the largest file that users may upload',
    parseMebibytes,
    ['api-gateway-cube', 'paperwork-cube', 'legacy-paperwork'],
    { fallback: 4096, sources: caller },
  ),
  CUBE_STORAGE_URL: variable(
    'folder, or s3://BUCKET/PREFIX, in which contents such as AI models and paperwork files are stored, each under its SHA-256',
    parseStorage,
    storing,
    {
      fallback: '',
      sources: stack,
      note: 'one for all programs, apart from the folders of legacy; left out, `up` sets one in `CUBESHIFT_HOME`; [folder or S3](docs/where-contents-live.md)',
    },
  ),
  CUBE_STORAGE_ENDPOINT: variable('URL of the S3 server of an s3:// store', parseEndpoint, storing, {
    fallback: '',
    sources: caller,
  }),
  CUBE_STORAGE_REGION: variable('region of the bucket of an s3:// store', parseRegion, storing, {
    fallback: 'us-east-1',
    sources: caller,
  }),
  CUBE_STORAGE_ACCESS_KEY: variable('access key for the bucket of an s3:// store', parseAccessKey, storing, {
    fallback: '',
    sources: caller,
    secret: true,
    note: 'variables and files of other S3 programs (`AWS_*`, `~/.aws`) never count',
  }),
  CUBE_STORAGE_SECRET_KEY: variable('secret of CUBE_STORAGE_ACCESS_KEY', parseSecretKey, storing, {
    fallback: '',
    sources: caller,
    secret: true,
  }),
  AI_CUBE_MODELS_MIB: variable(
    'resident memory, in MiB, of all processes with models that an AI cube keeps loaded; beyond it the least recently used leave',
    parseMebibytes,
    ['ai-cube'],
    { fallback: 1536, sources: caller },
  ),
  AI_CUBE_PROCESS_MIB: variable(
    'resident memory, in MiB, past which an AI cube replaces a process with a model; a migration rejects a model that needs more',
    parseMebibytes,
    ['ai-cube', 'bulk-worker'],
    { fallback: 512, sources: caller },
  ),
  DOCUMENT_PROCESSES: variable(
    'how many documents a documents worker reads at a time, each in a process of its own',
    parseInstances,
    ['documents-worker'],
    { fallback: 2, sources: caller },
  ),
  DOCUMENT_PROCESS_MIB: variable(
    'resident memory, in MiB, past which a process that reads a document is replaced, and the document fails',
    parseMebibytes,
    ['documents-worker'],
    { fallback: 1024, sources: caller },
  ),
  CRAWLER_ALLOWED_TARGETS: variable(
    'networks with an optional port that jobs may fetch from although the safety rules refuse them, separated by commas',
    parseTargets,
    ['crawler-worker', 'legacy-crawler'],
    {
      fallback: [],
      sources: either,
      note: 'such as `10.0.5.0/24:8080`; [the rules](docs/crawling.md); left out, `up` names the site of the stand-in alone',
    },
  ),
  CUBE_DATABASE_URL: variable('PostgreSQL URL of the cubes', parsePostgresUrl, [...temporal, ...served], {
    sources: either,
    server: true,
    secret: true,
    note: 'another database, encoded in UTF8; PostgreSQL 16 or newer',
  }),
  AUDIT_DATABASE_URL: variable(
    'PostgreSQL URL of the cubes, where issued tokens are recorded; without it only the log has them',
    parsePostgresUrl,
    ['security-cube'],
    { fallback: '', secret: true, note: '`up` sets it' },
  ),
  CUBE_ADMINISTRATOR_URL: variable(
    "PostgreSQL URL of a superuser of the cubes' server, who creates the roles of the programs there",
    parsePostgresUrl,
    ['database-setup'],
    { secret: true, note: '[in containers](docs/containers.md)' },
  ),
  CUBE_ROLE_PASSWORDS: variable(
    'passwords of the roles in the cube database, as role=password, separated by commas',
    parsePasswords,
    ['database-setup'],
    { secret: true },
  ),
  REDIS_URL: variable('Redis URL', parseRedisUrl, redis, {
    sources: either,
    server: true,
    secret: true,
    note: 'traffic flags, instances and holds, and the pace of crawled hosts',
  }),
  REDIS_SERVER_UID: variable<number | null, typeof redis>(
    "user id that a Redis on this machine runs as; programs send no data to another user's program on its port; empty for a Redis on another machine",
    parseUserId,
    redis,
    { fallback: null, sources: stack },
  ),
  CUBE_JWT_SECRET: variable('secret with which cube tokens are signed', parseSecret, [...traffic, 'command-line'], {
    sources: either,
    secret: true,
    note: '32 bytes or more',
  }),
  CUBE_JWT_SECRET_PREVIOUS: variable(
    'secret that cube tokens were signed with until it was changed',
    parseSecret,
    traffic,
    { fallback: '', sources: caller, secret: true },
  ),
  USER_JWT_SECRET: variable(
    "secret with which HEAL7's login signs user tokens; without it the gateway refuses them",
    parseSecret,
    ['api-gateway-cube'],
    { fallback: '', sources: either, secret: true, note: '32 bytes or more' },
  ),
  USER_JWT_SECRET_PREVIOUS: variable(
    'secret that user tokens were signed with until it was changed',
    parseSecret,
    ['api-gateway-cube'],
    { fallback: '', sources: caller, secret: true },
  ),
  // The stack sets it even where the caller does: programs run in another folder than the caller.
  TOKEN_SECRETS_FILE: variable(
    'JSON file with the secrets of tokens, read every second; its values take precedence over the variables',
    parsePath,
    [...traffic, 'command-line'],
    {
      fallback: '',
      sources: stack,
      note: '[changed without a restart](docs/changing-a-secret.md); `up` passes on yours as an absolute path',
    },
  ),
  TRUSTED_EDGES: variable(
    'networks whose X-User-Id header the gateway trusts, separated by commas',
    parseNetworks,
    ['api-gateway-cube'],
    { fallback: ['127.0.0.0/8', '::1/128'], sources: caller },
  ),
  INSTANCE_NETWORKS: variable(
    'networks in which programs call instances of cubes, separated by commas; empty for any network',
    parseNetworks,
    traffic,
    { fallback: [], sources: caller, note: '[why](docs/traffic.md#entries-of-the-registry)' },
  ),
  ...legacyUrlVariables,
  PROMETHEUS_URL: variable(
    'URL of the Prometheus that scrapes the gateways; without it a ramp reads the gateways directly',
    parseHttpUrl,
    ['control-worker'],
    { fallback: '', sources: caller },
  ),
  CUBE_HOST: variable('address a cube listens on', parseHost, listeners, { fallback: '127.0.0.1' }),
  CUBE_PORT: variable('port a cube listens on; 0 for any free port', parsePort, listeners, { fallback: 0 }),
  CUBE_URL: variable(
    'URL at which others reach this cube, where that is not its own address',
    parseHttpUrl,
    listeners,
    {
      fallback: '',
    },
  ),
  CUBE_VERSION: variable(
    'version that this cube reports; by default the version of the package',
    parseName,
    listeners,
    {
      fallback: '',
    },
  ),
  INSTANCE_ID: variable('name of this instance of a cube; a random one by default', parseName, listeners, {
    fallback: '',
  }),
  GATEWAY_PORT: variable('port of the gateway that `up` starts', parsePort, ['command-line'], {
    fallback: cubes['api-gateway-cube'].port,
  }),
  SECURITY_CUBE_PORT: variable('port of the security cube that `up` starts', parsePort, ['command-line'], {
    fallback: cubes['security-cube'].port,
  }),
  MONITORING_CUBE_PORT: variable('port of the monitoring cube that `up` starts', parsePort, ['command-line'], {
    fallback: cubes['monitoring-cube'].port,
  }),
  ...cubePortVariables,
  ...legacyPortVariables,
  GATEWAY_SHADOW: variable(
    'whether the gateway compares the sides of cubes in addition to serving them: on or off',
    parseSwitch,
    ['api-gateway-cube'],
    { fallback: true, sources: caller },
  ),
  GATEWAY_WINDOW_SECONDS: variable(
    'length of the window, in seconds, in which the gateway counts a user once',
    parseSeconds,
    ['api-gateway-cube'],
    {
      fallback: 10,
      sources: caller,
    },
  ),
  GATEWAY_RATE_PER_SECOND: variable(
    'requests a second that the gateways accept from one user, in bursts of four times that; 0 for no limit',
    parseRate,
    ['api-gateway-cube'],
    { fallback: 50, sources: caller },
  ),
  GATEWAY_ADDRESS_RATE_PER_SECOND: variable(
    'requests a second that the gateways accept from one address, in bursts of four times that; 0 for no limit',
    parseRate,
    ['api-gateway-cube'],
    { fallback: 500, sources: caller },
  ),
  GATEWAY_TUNNELS: variable('open WebSockets at a gateway; 0 for no limit', parseCount, ['api-gateway-cube'], {
    fallback: 4096,
    sources: caller,
  }),
  GATEWAY_TUNNELS_PER_CLIENT: variable(
    'open WebSockets of one user, or of one address without a user, at a gateway; 0 for no limit',
    parseCount,
    ['api-gateway-cube'],
    { fallback: 100, sources: caller },
  ),
  ESCALATION_WEBHOOK_URL: variable(
    'URL called for an emergency rollback that needs a person',
    parseHttpUrl,
    ['control-worker'],
    { fallback: '', sources: caller },
  ),
  CONTROL_HOST: variable('address the control API listens on', parseHost, ['control-api'], {
    fallback: '127.0.0.1',
    sources: caller,
  }),
  // As for the other ports, the caller's value is a preference: `up` keeps the port of a stack that exists.
  CONTROL_PORT: variable('port of the control API', parsePort, ['control-api', 'command-line'], {
    fallback: 8090,
    sources: stack,
    note: '`up` uses another port, and says so, when the default is taken',
  }),
  CONTROL_URL: variable('URL of the control API, for the command line', parseHttpUrl, ['command-line'], {
    fallback: 'http://127.0.0.1:8090',
    sources: stack,
  }),
  WORKER_METRICS_ADDRESS: variable(
    'host:port at which a worker serves its metrics to Prometheus; empty for none',
    parseHostPort,
    workers,
    { fallback: '', note: 'its slots, latencies and polls' },
  ),
  LEDGER_RETENTION_DAYS: variable(
    'days after the end of a migration after which the ledger deletes record contents',
    parseDays,
    ['control-api'],
    { fallback: 90, sources: caller },
  ),
  MAX_INSTANCES_PER_CUBE: variable(
    'how many instances of one cube, over all its versions, may run at once',
    parseInstances,
    ['control-worker', 'control-api'],
    { fallback: 8, sources: caller },
  ),
  LOG_LEVEL: variable('lowest level that is logged', parseLogLevel, [...temporal, ...listeners], {
    fallback: 'info',
    sources: caller,
  }),
  CUBESHIFT_CRASH_POINT: variable(
    'name of a point at which the program kills itself, for tests of recovery',
    parseCrashPoint,
    temporal,
    { fallback: '', sources: caller },
  ),
  GATEWAY_URL: variable('URL of the gateway of a stack', parseHttpUrl, [], { sources: stack }),
  SECURITY_CUBE_URL: variable('URL of the security cube of a stack', parseHttpUrl, [], { sources: stack }),
  MONITORING_CUBE_URL: variable('URL of the monitoring cube of a stack', parseHttpUrl, [], { sources: stack }),
  ...cubeUrlVariables,
  CRAWLER_SITE_PORT: variable(
    'port, at 127.77.0.1, of the small site that the jobs of the stand-in crawl',
    parsePort,
    ['command-line'],
    { fallback: 8081 },
  ),
  CRAWLER_SITE_URL: variable(
    'URL of the small site that the jobs of the stand-in crawl; `/_log` is its own log',
    parseHttpUrl,
    [],
    { sources: stack },
  ),
  TEMPORAL_UI_URL: variable(
    "URL of Temporal's Web UI, for links to the pages of runs",
    parseHttpUrl,
    ['command-line'],
    {
      fallback: '',
      sources: either,
      of: 'TEMPORAL_ADDRESS',
      secret: true,
    },
  ),
} as const satisfies Readonly<Record<CubeVariable, Variable> & Record<string, Variable>>;

export type VariableName = keyof typeof variables;

/** The value of each variable, as it is read. */
export type Configuration = {
  readonly [Name in VariableName]: (typeof variables)[Name] extends Variable<infer T> ? T : never;
};

/** The names of the variables that any of these programs reads. */
type NameReadBy<R extends Reader> = R extends Reader
  ? { [Name in VariableName]: R extends (typeof variables)[Name]['readers'][number] ? Name : never }[VariableName]
  : never;

/** What these programs read. */
export type ConfigurationOf<R extends Reader> = Pick<Configuration, NameReadBy<R>>;

export const variableTable: Readonly<Record<VariableName, Variable>> = variables;

/** The value where a variable is not set. */
export function fallbackOf<Name extends VariableName>(name: Name): Configuration[Name] {
  return variableTable[name].fallback as Configuration[Name];
}

/** Every variable, in the order of the table. */
export const variableNames = Object.keys(variables) as readonly VariableName[];

/** The variables that any of these programs reads. */
export function variablesOf<R extends Reader>(...readers: readonly R[]): readonly NameReadBy<R>[] {
  const wanted: readonly Reader[] = readers;
  const isRead = (name: VariableName) => variableTable[name].readers.some((reader) => wanted.includes(reader));
  return variableNames.filter((name): name is NameReadBy<R> => isRead(name));
}

/** The variables that have this source in a stack. */
export function variablesFrom(source: Source): readonly VariableName[] {
  return variableNames.filter((name) => variableTable[name].sources.includes(source));
}
