import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.js';

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Variables = Readonly<Record<string, string>>;

/** Starts `cubeshift` as a user does, with nothing of this process's environment but the path. */
export function startCommand(
  args: readonly string[],
  variables: Variables,
): { child: ChildProcess; said: Promise<Said> } {
  const child = spawn(process.execPath, [join(packageRoot(), 'bin', 'cubeshift.mjs'), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const said = new Promise<Said>((resolve) =>
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') }),
    ),
  );
  return { child, said };
}

export function runCommand(args: readonly string[], variables: Variables): Promise<Said> {
  return startCommand(args, variables).said;
}
