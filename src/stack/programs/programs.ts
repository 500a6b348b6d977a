import type { Reader } from '../../config/variable.js';
import type { CubeId } from '../../domain/catalog.js';
import { type ServedCube, servedCubes } from '../../domain/cubes.js';
import type { PortName } from '../../state/settings.js';
import type { DatabaseRoles } from './program-databases.js';

type ProgramVariables = Readonly<Record<string, string>>;

/** A cube whose versions come and go: its program in this package, and the port its first instance likes to have. */
export interface RunCube {
  readonly cubeId: CubeId;
  readonly entry: string;
  readonly port: number;
  readonly roles: DatabaseRoles;
}

type StandInUrl = ServedCube['legacyUrlVariable'];

/** A program of this package that a stack runs in addition to the servers. */
export interface StackProgram {
  readonly name: string;
  readonly entry: string;
  readonly nodeFlags?: readonly string[];
  /** As whom the table of variables knows it. */
  readonly readers: readonly Reader[];
  readonly roles: DatabaseRoles;
  /** Null for one that listens on no port. */
  readonly listens: {
    /** The variable that says where others reach it. */
    readonly url:
      | 'CONTROL_URL'
      | 'SECURITY_CUBE_URL'
      | 'MONITORING_CUBE_URL'
      | 'GATEWAY_URL'
      | 'CRAWLER_SITE_URL'
      | StandInUrl;
    /** The readiness check, when it is not `/ready`. */
    readonly path?: string;
    /** Variables of its own, as those that say where to listen. */
    readonly environment: (env: ProgramVariables) => ProgramVariables;
  } | null;
}

/**
 * A young generation of 8 MB instead of 16: rows are garbage within milliseconds, and V8 would let it grow with the load.
 * Costs no time that could be measured, and keeps memory flat.
 */
export const bulkWorkerFlags: readonly string[] = ['--max-semi-space-size=8'];

/** The programs, started together. A new one is a line. */
export const programs: readonly StackProgram[] = [
  {
    name: 'worker-control',
    entry: 'src/workers/control.js',
    readers: ['control-worker'],
    roles: { legacy: 'engine_reader', cube: 'control_worker' },
    listens: null,
  },
  {
    name: 'worker-bulk-1',
    entry: 'src/workers/bulk.js',
    nodeFlags: bulkWorkerFlags,
    readers: ['bulk-worker'],
    roles: { legacy: 'engine_reader', cube: 'bulk_worker' },
    listens: null,
  },
  {
    name: 'worker-documents',
    entry: 'src/workers/documents.js',
    readers: ['documents-worker'],
    // In legacy it writes results as the paperwork cube writes files.
    roles: { legacy: 'paperwork_cube', cube: 'documents_worker' },
    listens: null,
  },
  {
    name: 'worker-crawler',
    entry: 'src/workers/crawler.js',
    readers: ['crawler-worker'],
    // In legacy it writes results of jobs that the crawler cube runs.
    roles: { legacy: 'crawler_cube', cube: 'crawler_worker' },
    listens: null,
  },
  cubeProgram('security-cube', 'security', 'SECURITY_CUBE_URL', { cube: 'security_cube' }),
  ...servedCubes.map(standInOf),
  {
    name: 'crawler-site',
    entry: 'legacy/crawler-site.js',
    readers: [],
    roles: {},
    listens: {
      url: 'CRAWLER_SITE_URL',
      path: '/_site',
      environment: ({ CRAWLER_SITE_URL: url = '' }) => ({ HOST: new URL(url).hostname, PORT: new URL(url).port }),
    },
  },
  {
    name: 'control',
    entry: 'src/services/control/main.js',
    readers: ['control-api'],
    roles: { cube: 'control_api' },
    listens: { url: 'CONTROL_URL', environment: () => ({}) },
  },
  cubeProgram('monitoring-cube', 'monitoring', 'MONITORING_CUBE_URL'),
  { ...cubeProgram('api-gateway-cube', 'gateway', 'GATEWAY_URL'), readers: ['api-gateway-cube'] },
];

/** What every stack runs, whichever servers and services of the user's own are configured. */
export function namesOfEveryStack(): readonly string[] {
  return programs.filter((program) => standInUrlOf(program) === undefined).map(({ name }) => name);
}

/** The cubes whose versions come and go, each with roles of its own. */
export const runCubes: readonly (Omit<RunCube, 'port'> & { readonly portName: PortName })[] = servedCubes.map(
  ({ cubeId, service, role }) => ({
    cubeId,
    entry: `src/services/${service}/main.js`,
    portName: service,
    roles: { legacy: role, cube: role },
  }),
);

/** A stand-in is not started where the environment names the real one. */
export function isNeeded(program: StackProgram, environment: NodeJS.ProcessEnv): boolean {
  const url = standInUrlOf(program);
  return url === undefined || !environment[url];
}

/** The variable that names the service for which a program stands in; undefined for a program that is no stand-in. */
function standInUrlOf({ listens }: StackProgram): StandInUrl | undefined {
  // Its jobs are the stand-in's.
  if (listens?.url === 'CRAWLER_SITE_URL') return 'LEGACY_CRAWLER_URL';
  return servedCubes.map(({ legacyUrlVariable }) => legacyUrlVariable).find((url) => url === listens?.url);
}

/** The stand-in of one of the monolith's services, `legacy/<name>-service.ts`. */
function standInOf({ standIn, trafficName, legacyUrlVariable: url }: ServedCube): StackProgram {
  return {
    name: standIn,
    entry: `legacy/${trafficName}-service.js`,
    readers: [standIn],
    // The monolith's own service has the monolith's own role.
    roles: { legacy: 'heal7' },
    listens: {
      url,
      path: '/health',
      environment: (env) => ({ PORT: portOf(env, url), HOST: '127.0.0.1' }),
    },
  };
}

/** A cube of which one instance runs; its environment says where to listen. */
function cubeProgram(
  name: CubeId,
  folder: string,
  url: 'SECURITY_CUBE_URL' | 'MONITORING_CUBE_URL' | 'GATEWAY_URL',
  roles: DatabaseRoles = {},
): StackProgram {
  const environment = (env: ProgramVariables) => ({
    CUBE_HOST: '127.0.0.1',
    CUBE_PORT: portOf(env, url),
    INSTANCE_ID: name,
  });
  return {
    name,
    entry: `src/services/${folder}/main.js`,
    readers: ['cube', name],
    roles,
    listens: { url, environment },
  };
}

function portOf(env: ProgramVariables, name: string): string {
  return new URL(env[name] ?? '').port;
}
