import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.js';
import { choosePort } from '../../src/state/ports.js';
import { until } from './conditions.js';

/** A service of this project as a process of its own, as other programs meet it. */
export class ServiceProcess {
  /** What it wrote to its standard output. */
  said = '';

  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {
    child.stdout?.on('data', (chunk: Buffer) => {
      this.said += chunk.toString('utf8');
    });
  }

  /** Returns when it is ready. `folder` is the service's, in `src/services`. */
  static async start(folder: string, environment: NodeJS.ProcessEnv): Promise<ServiceProcess> {
    const port = await choosePort(0, new Set());
    const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'src', 'services', folder, 'main.js')], {
      env: { PATH: process.env.PATH, CUBE_PORT: String(port), LOG_LEVEL: 'error', ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const service = new ServiceProcess(`http://127.0.0.1:${port}`, child);
    await until(`${folder} to be ready`, () =>
      fetch(`${service.url}/ready`)
        .then((answer) => answer.ok)
        .catch(() => false),
    );
    return service;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Returns how it ended: exit code and signal. */
  async end(signal: NodeJS.Signals): Promise<unknown> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return undefined;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    return ended;
  }
}
