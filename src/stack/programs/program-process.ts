import { join } from 'node:path';
import { packageRoot, packageVersion } from '../../base/package-root.js';
import { answersAsOurs, refuseStranger } from '../servers/port-holder.js';
import type { ProcessSpec } from './managed-process.js';
import { programEnvironment } from './program-environment.js';
import type { StackProgram } from './programs.js';

/** A program of this package as a process of the stack; `databases` are the variables of its databases, with its own roles. */
export function programProcess(
  program: StackProgram,
  env: Readonly<Record<string, string>>,
  databases: Readonly<Record<string, string>>,
): ProcessSpec {
  const { listens } = program;
  const url = listens === null ? undefined : env[listens.url];
  return {
    name: program.name,
    command: process.execPath,
    args: ['--enable-source-maps', ...(program.nodeFlags ?? []), programFile(program.entry)],
    env: {
      ...programEnvironment(program.readers, env, databases),
      ...listens?.environment(env),
    },
    port: url === undefined ? null : portOf(url),
    version: packageVersion(),
    stopSignal: 'SIGTERM',
    ready: async () => url === undefined || (await isReady(url, listens?.path)),
    check: async () => {
      if (url !== undefined) await refuseStranger(portOf(url), null, hostOf(url));
    },
  };
}

/** The compiled file of a program, named as its source is. */
export function programFile(entry: string): string {
  return join(packageRoot(), 'dist', entry);
}

/** Whether a program of ours on this machine says that it can serve. Throws `conflict` when another user's program has its port. */
export function isReady(url: string, path = '/ready'): Promise<boolean> {
  const look = async () => {
    const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.ok;
  };
  return answersAsOurs(portOf(url), look, hostOf(url));
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** One of its own of this machine; what listens elsewhere is looked for at the usual one. */
function hostOf(url: string): string | undefined {
  const { hostname } = new URL(url);
  return /^127\.[\d.]+$/.test(hostname) ? hostname : undefined;
}
