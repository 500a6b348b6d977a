import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.js';
import { until } from './conditions.js';
import { shortLivedFlags } from './node-flags.js';

/** A worker as a process of its own. */
export class WorkerProcess {
  /** What it wrote, over all its lives. */
  said = '';
  private child: ChildProcess | undefined;

  /** `program` is that of `src/workers`; the environment is of every life. */
  constructor(
    private readonly program: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** Starts it again; returns when it is ready, or has ended. */
  async begin(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    const from = this.said.length;
    const child = spawn(
      process.execPath,
      [...shortLivedFlags, join(packageRoot(), 'dist', 'src', 'workers', `${this.program}.js`)],
      {
        env: { PATH: process.env.PATH, LOG_LEVEL: 'info', ...this.environment, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.said += chunk.toString('utf8');
      });
    this.child = child;
    await until('the worker to be ready', () => this.said.includes('worker ready', from) || !this.isAlive);
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get isAlive(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until it has ended by itself, and returns the signal. */
  async ended(): Promise<NodeJS.Signals | null> {
    if (this.child !== undefined && this.isAlive) await once(this.child, 'exit');
    return this.child?.signalCode ?? null;
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child === undefined || !this.isAlive) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    await gone;
  }
}
