import type { PortName } from '../../state/home.js';
import type { DatabaseNeeds } from './program-databases.js';
import type { SecretNeed } from './program-secrets.js';

type Environment = Readonly<Record<string, string>>;

/** A cube whose versions come and go: its program in this package, and the port its first instance likes to have. */
export interface RunCube {
  readonly cubeId: string;
  readonly entry: string;
  readonly port: number;
  readonly databases: DatabaseNeeds;
}

/** A program of this package that a stack runs beside the servers. */
export interface StackProgram {
  readonly name: string;
  readonly entry: string;
  readonly nodeFlags?: readonly string[];
  readonly databases: DatabaseNeeds;
  readonly secrets?: readonly SecretNeed[];
  /** Null for one that listens on no port. */
  readonly listens: {
    /** The variable that says where others reach it. */
    readonly url: 'CONTROL_URL' | 'SECURITY_CUBE_URL' | 'MONITORING_CUBE_URL' | 'GATEWAY_URL' | 'LEGACY_SAJU_URL';
    /** What tells whether it can serve, when not `/ready`. */
    readonly path?: string;
    /** Variables of its own, as those that say where to listen. */
    readonly environment: (env: Environment) => Environment;
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
    databases: { LEGACY_DATABASE_URL: 'engine_reader', CUBE_DATABASE_URL: 'control_worker' },
    secrets: ['temporal'],
    listens: null,
  },
  {
    name: 'worker-bulk-1',
    entry: 'src/workers/bulk.js',
    nodeFlags: bulkWorkerFlags,
    databases: { LEGACY_DATABASE_URL: 'engine_reader', CUBE_DATABASE_URL: 'bulk_worker' },
    secrets: ['temporal'],
    listens: null,
  },
  cubeProgram('security-cube', 'security', 'SECURITY_CUBE_URL', { AUDIT_DATABASE_URL: 'security_cube' }),
  {
    name: 'legacy-saju',
    entry: 'legacy/saju-service.js',
    // The monolith's own service has the monolith's own role.
    databases: { LEGACY_DATABASE_URL: 'heal7' },
    listens: {
      url: 'LEGACY_SAJU_URL',
      path: '/health',
      environment: (env) => ({ PORT: portOf(env, 'LEGACY_SAJU_URL'), HOST: '127.0.0.1' }),
    },
  },
  {
    name: 'control',
    entry: 'src/services/control/main.js',
    databases: { CUBE_DATABASE_URL: 'control_api' },
    secrets: ['temporal'],
    listens: { url: 'CONTROL_URL', environment: () => ({}) },
  },
  cubeProgram('monitoring-cube', 'monitoring', 'MONITORING_CUBE_URL'),
  { ...cubeProgram('api-gateway-cube', 'gateway', 'GATEWAY_URL'), secrets: ['userTokens'] },
];

/** What every stack runs, whatever servers and services of the user's own it is told of. */
export function namesOfEveryStack(): readonly string[] {
  return programs.filter((program) => isNeeded(program, { LEGACY_SAJU_URL: 'own' })).map(({ name }) => name);
}

/** The cubes whose versions come and go. A new one is a line. */
export const runCubes: readonly (Omit<RunCube, 'port'> & { readonly portName: PortName })[] = [
  {
    cubeId: 'saju-cube',
    entry: 'src/services/saju/main.js',
    portName: 'saju',
    databases: {
      SAJU_CUBE_LEGACY_URL: 'saju_cube',
      // Versions that came before the variable above know this one alone.
      LEGACY_DATABASE_URL: 'saju_cube',
      CUBE_DATABASE_URL: 'saju_cube',
    },
  },
];

/** A stand-in is not started where the environment names the real one. */
export function isNeeded(program: StackProgram, environment: NodeJS.ProcessEnv): boolean {
  return program.listens?.url !== 'LEGACY_SAJU_URL' || !environment.LEGACY_SAJU_URL;
}

/** A cube of which one instance runs, told by its environment where to listen. */
function cubeProgram(
  name: string,
  folder: string,
  url: 'SECURITY_CUBE_URL' | 'MONITORING_CUBE_URL' | 'GATEWAY_URL',
  databases: DatabaseNeeds = {},
) {
  const environment = (env: Environment) => ({
    CUBE_HOST: '127.0.0.1',
    CUBE_PORT: portOf(env, url),
    INSTANCE_ID: name,
  });
  return { name, entry: `src/services/${folder}/main.js`, databases, listens: { url, environment } } as const;
}

function portOf(env: Environment, name: string): string {
  return new URL(env[name] ?? '').port;
}
