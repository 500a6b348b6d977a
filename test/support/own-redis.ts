import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';
import { listens } from '../../src/stack/servers/reachable.js';
import { choosePort } from '../../src/state/ports.js';
import { until } from './conditions.js';

/** A real Redis of one test file, to be killed, frozen and started again as it likes. */
export class OwnRedis {
  private server: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<OwnRedis> {
    const program = await ensureArtifact('redis', defaultCacheFolder(process.env), () => undefined);
    const folder = mkdtempSync(join(tmpdir(), 'cubeshift-redis-'));
    const redis = new OwnRedis(program, folder, await choosePort(0, new Set()));
    await redis.revive();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts the server, or starts it again; it keeps nothing from an earlier life. */
  async revive(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--save', ''];
    this.server = spawn(this.program, args, { stdio: 'ignore' });
    await until('redis to listen', () => listens(this.port));
  }

  signal(signal: NodeJS.Signals): void {
    this.server?.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.server === undefined || this.server.exitCode !== null || this.server.signalCode !== null) return;
    const gone = once(this.server, 'exit');
    this.signal('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
