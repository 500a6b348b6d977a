import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { issueCubeToken } from '../src/auth/tokens.js';
import { packageRoot } from '../src/base/package-root.js';
import type { MigrationView } from '../src/domain/migration/migration.js';
import { bulkWorkerFlags } from '../src/stack/programs/programs.js';
import { choosePort } from '../src/state/ports.js';
import { type Contender, type EngineParts, limitMillis } from './contender.js';
import { type Lab, type Source, type Target, withClient } from './lab.js';

/** The engine as it runs in operation, with `bulkWorkers` processes that move rows, started fresh for every run. */
export function engine(lab: Lab, bulkWorkers: number): Contender {
  return {
    name: bulkWorkers === 1 ? 'cubeshift' : `cubeshift, ${bulkWorkers} bulk workers`,
    run: async (source, target) => {
      const programs = new Programs(lab, source, target);
      try {
        await programs.start(bulkWorkers);
        const parts = await programs.migrate(`bench-${target.name.replaceAll('_', '-')}`);
        return { seconds: parts.copy + parts.verification, parts };
      } finally {
        await programs.stop();
      }
    },
  };
}

const running = new Set<Programs>();

/** Ends the programs of a run that was broken off. */
export async function stopEngines(): Promise<void> {
  await Promise.all([...running].map((programs) => programs.stop()));
}

/** The programs of the engine, over one source and one target. */
export class Programs {
  private readonly children: ChildProcess[] = [];
  private readonly bulk: ChildProcess[] = [];
  /** Where the workers write, and say that they are ready. */
  private readonly logs: string[] = [];
  private url = '';
  private secret = '';

  constructor(
    private readonly lab: Lab,
    private readonly source: Source,
    private readonly target: Target,
  ) {
    running.add(this);
  }

  async start(bulkWorkers: number, variables: Readonly<Record<string, string>> = {}): Promise<void> {
    const port = await choosePort(0, new Set());
    this.url = `http://127.0.0.1:${port}`;
    const env: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      ...this.lab.env,
      LEGACY_DATABASE_URL: this.source.url,
      CUBE_DATABASE_URL: this.target.url,
      CONTROL_PORT: String(port),
      ...variables,
    };
    this.secret = env.CUBE_JWT_SECRET ?? '';
    this.spawnWorker('workers/control.js', env);
    for (let place = 0; place < bulkWorkers; place++)
      this.bulk.push(this.spawnWorker('workers/bulk.js', env, bulkWorkerFlags));
    this.spawn('services/control/main.js', env, this.logFile());
    await this.until(60_000, async () => {
      const response = await fetch(`${this.url}/ready`).catch(() => undefined);
      return response?.ok === true && this.logs.every((log) => readFileSync(log, 'utf8').includes('worker ready'));
    });
  }

  /** Starts a migration and waits until it rests, verified; then accepts it, so that nothing of it stays behind. */
  async migrate(id: string): Promise<EngineParts> {
    const requestedAt = Date.now();
    await this.call('POST', '/v1/migrations/saju-records', { id, mode: 'copy' });
    const rested = await this.untilView(id, (view) => view.status !== 'running');
    if (rested.status !== 'waiting' || rested.stage !== 'verified')
      throw new Error(`The migration is ${rested.status} at ${rested.stage}: ${rested.error?.message ?? ''}`);
    const peakMegabytes = this.bulk.map(peakMemoryOf);
    const entered = await withClient(this.target.url, (client) =>
      client.query<{ stage: string; at: string }>(
        `select detail ->> 'stage' as stage, (extract(epoch from min(at)) * 1000)::text as at
           from ledger.events where migration_id = $1 group by 1`,
        [id],
      ),
    );
    const at = new Map(entered.rows.map(({ stage, at }) => [stage, Number(at)]));
    const seconds = (stage: string) => ((at.get(stage) ?? Number.NaN) - requestedAt) / 1000;
    if (!rested.actions.includes('complete')) {
      const accept = { all: true, by: 'bench', why: 'planted by the generator' };
      await this.call('POST', `/v1/migrations/${id}/rejects/accept`, accept);
      await this.untilView(id, (view) => view.actions.includes('complete'));
    }
    await this.call('POST', `/v1/migrations/${id}/complete`);
    await this.untilView(id, (view) => view.status === 'completed');
    const copy = seconds('verifying');
    return { preflight: seconds('copying'), copy, verification: seconds('verified') - copy, peakMegabytes };
  }

  async stop(): Promise<void> {
    running.delete(this);
    await Promise.all(
      this.children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }),
    );
  }

  /** Resident memory of the bulk workers now. */
  bulkMegabytes(): number {
    return this.bulk.reduce((sum, child) => sum + residentMemoryOf(child, 'VmRSS'), 0);
  }

  private spawnWorker(entry: string, env: NodeJS.ProcessEnv, flags: readonly string[] = []): ChildProcess {
    const file = this.logFile();
    this.logs.push(file);
    return this.spawn(entry, env, file, flags);
  }

  private logFile(): string {
    return join(this.lab.folder, 'logs', `${this.target.name}-${this.children.length}.log`);
  }

  private spawn(entry: string, env: NodeJS.ProcessEnv, file: string, flags: readonly string[] = []): ChildProcess {
    const log = openSync(file, 'a', 0o600);
    const child = spawn(
      process.execPath,
      ['--enable-source-maps', ...flags, join(packageRoot(), 'dist', 'src', entry)],
      {
        env,
        stdio: ['ignore', log, log],
        // A group of its own: on Ctrl-C the benchmark ends it itself.
        detached: true,
      },
    );
    closeSync(log);
    this.children.push(child);
    return child;
  }

  async call(method: string, path: string, body?: unknown): Promise<MigrationView> {
    const permissions = ['migration:read', 'migration:write'];
    const { token } = issueCubeToken(this.secret, { cubeId: 'bench', permissions }, new Date());
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer as MigrationView;
  }

  async untilView(
    id: string,
    fits: (view: MigrationView) => boolean,
    maxMillis = limitMillis(this.source),
  ): Promise<MigrationView> {
    let view: MigrationView | undefined;
    await this.until(maxMillis, async () => {
      view = await this.call('GET', `/v1/migrations/${id}`);
      return fits(view);
    });
    if (view === undefined) throw new Error(`The migration ${id} cannot be seen.`);
    return view;
  }

  private async until(millis: number, fits: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + millis;
    while (!(await fits())) {
      if (Date.now() > deadline) throw new Error(`The engine did not get on within ${millis / 1000} s.`);
      // Asked as seldom as an operator's screen would: the answer is counted from the ledger and costs the run something.
      await sleep(250);
    }
  }
}

/** The most memory a process ever held, as the kernel counted it. */
function peakMemoryOf(child: ChildProcess): number {
  return residentMemoryOf(child, 'VmHWM');
}

function residentMemoryOf(child: ChildProcess, what: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
}
