import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheFolder } from '../../src/stack/downloads/fetch.js';
import { listProcesses, type RunningStack, startServers, stopStack } from '../../src/stack/stack.js';
import { StackHome } from '../../src/state/home.js';
import { signalProcess } from '../../src/state/process-identity.js';
import { until } from './conditions.js';

export type ServerName = 'temporal' | 'postgres-legacy' | 'postgres-cube';

/** Real servers of one test file, to be stopped and started as it likes. */
export class OwnServers {
  private constructor(
    private readonly home: StackHome,
    private readonly stack: RunningStack,
  ) {}

  static async start(): Promise<OwnServers> {
    const home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-chaos-')));
    const stack = await startServers({
      home,
      cacheFolder: defaultCacheFolder(process.env),
      environment: {},
      log: () => undefined,
      temporalAccess: 'open',
    });
    return new OwnServers(home, stack);
  }

  get legacyUrl(): string {
    return this.stack.administratorUrls.legacy ?? '';
  }

  get cubeUrl(): string {
    return this.stack.administratorUrls.cube ?? '';
  }

  get temporalAddress(): string {
    return this.stack.env.TEMPORAL_ADDRESS ?? '';
  }

  /** Ends a server by a signal and returns once it is gone. */
  async end(name: ServerName, signal: NodeJS.Signals): Promise<void> {
    const entry = listProcesses(this.home).find((process) => process.name === name);
    if (entry === undefined) throw new Error(`${name} does not run`);
    signalProcess(entry, signal);
    await until(`${name} to be gone`, () => !listProcesses(this.home).some((process) => process.pid === entry.pid));
  }

  /** Starts again what was ended, and returns once it answers. */
  async revive(name: ServerName): Promise<void> {
    const revived = new AbortController();
    const watch = this.stack.watch(revived.signal);
    try {
      await until(`${name} to be back`, () =>
        listProcesses(this.home).some((process) => process.name === name && process.state === 'ready'),
      );
    } finally {
      revived.abort();
      await watch;
    }
  }

  async stop(): Promise<void> {
    await this.stack.stop();
    await stopStack(this.home, { purge: true });
  }
}
