import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** What must be installed in addition to the project's own packages, and where Debian has it. */
export const peerPrograms = { psql: 'postgresql-client', pgloader: 'pgloader' } as const;
export type PeerProgram = keyof typeof peerPrograms;

/** The version line of a peer; throws one sentence that says how to get it when it is not there. */
export function versionOf(program: PeerProgram): string {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  if (status !== 0) {
    const without = program === 'pgloader' ? ', or run the benchmark with --skip-pgloader' : '';
    throw new Error(
      `The benchmark needs ${program}: install the package ${peerPrograms[program]} (Debian: apt-get install ${peerPrograms[program]})${without}.`,
    );
  }
  return stdout.trim().split('\n')[0] ?? program;
}

/** Runs a program to its end; throws what it wrote when it fails or takes longer than `limitMillis`. */
export async function runProgram(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  limitMillis: number,
): Promise<void> {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(limitMillis),
  });
  let said = '';
  const keep = (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-2000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${said.trim()}`);
}
