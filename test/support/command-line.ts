import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.js';

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type Variables = Readonly<Record<string, string>>;

/** Starts `cubeshift` as a user does, with nothing of this process's environment but the path. `root` is the package's folder. */
export function startCommand(
  args: readonly string[],
  variables: Variables,
  root = packageRoot(),
): { child: ChildProcess; said: Promise<Said> } {
  const child = spawn(process.execPath, [join(root, 'bin', 'cubeshift.mjs'), ...args], {
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

/**
 * Runs `cubeshift` at a terminal of its own, where `typed` is typed: what a person would see, both streams together.
 * Python has a pseudo-terminal at hand; Node has none.
 */
export function runAtTerminal(args: readonly string[], variables: Variables, typed: string): Said {
  const script = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  const command = [process.execPath, join(packageRoot(), 'bin', 'cubeshift.mjs'), ...args];
  const { status, stdout } = spawnSync('python3', ['-c', script, ...command], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...variables },
    input: typed,
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr: '' };
}

export function runCommand(args: readonly string[], variables: Variables, root = packageRoot()): Promise<Said> {
  return startCommand(args, variables, root).said;
}
