import { join } from 'node:path';
import { packageRoot, packageVersion } from '../../base/package-root.js';
import type { ProcessSpec } from './managed-process.js';
import { withoutDatabases } from './program-databases.js';
import { withoutOtherSecrets } from './program-secrets.js';
import type { StackProgram } from './programs.js';

/** A program of this package as a process of the stack; `databases` are the variables of those that it alone is told of. */
export function programProcess(
  program: StackProgram,
  env: Readonly<Record<string, string>>,
  databases: Readonly<Record<string, string>>,
): ProcessSpec {
  const { listens, secrets = [] } = program;
  const url = listens === null ? undefined : env[listens.url];
  return {
    name: program.name,
    command: process.execPath,
    args: ['--enable-source-maps', ...(program.nodeFlags ?? []), programFile(program.entry)],
    env: {
      ...programEnvironment(withoutOtherSecrets(withoutDatabases(env), secrets)),
      ...databases,
      ...listens?.environment(env),
    },
    port: url === undefined ? null : Number(new URL(url).port),
    version: packageVersion(),
    stopSignal: 'SIGTERM',
    ready: async () => url === undefined || (await isReady(url, listens?.path)),
  };
}

/** The compiled file of a program, named as its source is. */
export function programFile(entry: string): string {
  return join(packageRoot(), 'dist', entry);
}

/** What every program of the stack is run with: the stack's variables, and nothing of the caller's. */
export function programEnvironment(
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string | undefined>> {
  return { PATH: process.env.PATH, LANG: 'C.UTF-8', TZ: 'UTC', ...env };
}

/** Whether a program says that it can serve. */
export async function isReady(url: string, path = '/ready'): Promise<boolean> {
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(2000) });
  await response.body?.cancel();
  return response.ok;
}
