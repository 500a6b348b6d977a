import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { inject } from 'vitest';
import { createRequestProofs } from '../../src/auth/request-proofs.js';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { packageRoot } from '../../src/base/package-root.js';
import type { MigrationView } from '../../src/domain/migration/migration.js';
import { choosePort } from '../../src/state/ports.js';
import { until } from './conditions.js';
import { type DocumentedPaths, undocumentedAnswers } from './documented-answers.js';
import { shortLivedFlags } from './node-flags.js';
import { type Program, ProgramHere } from './programs-here.js';

export type ProgramName = 'worker-control' | `worker-control-${number}` | 'control' | `worker-bulk-${number}`;

export interface EngineSettings {
  readonly legacyUrl: string;
  readonly cubeUrl: string;
  readonly temporalAddress?: string;
  /** Of a test that changes flags or versions: one of its own. */
  readonly redisUrl?: string;
  /** Where the versions of cubes are kept; a folder of its own by default. */
  readonly stateFolder?: string;
  readonly bulkWorkers?: number;
  /** Of Node.js, for programs that run apart and are measured: those that a stack gives them, in place of those for a short life. */
  readonly nodeFlags?: Readonly<Record<string, readonly string[]>>;
  /** Control workers beside the first: `worker-control-2`, … */
  readonly controlWorkers?: number;
  /** Programs that run as processes of their own: what is to be killed, frozen or started anew. The others run here. */
  readonly apart?: readonly Program[];
  /** Variables of single programs, as CUBESHIFT_CRASH_POINT. */
  readonly environment?: Partial<Record<ProgramName, Readonly<Record<string, string>>>>;
}

const secret = 'a secret of the tests, thirty-two bytes or more';
export const testSecret = secret;
/** As the control API of the tests proves its requests. */
export const prove = createRequestProofs(
  () => secret,
  () => new Date(),
);

/** The engine, in a namespace of its own: its programs as they run in operation, each apart or in the test's process. */
export class Engine {
  private readonly programs = new Map<ProgramName, ChildProcess>();
  private readonly here: ProgramHere[] = [];
  private readonly said = new Map<ProgramName, string>();
  private connection: Promise<Connection> | undefined;
  private openapi: DocumentedPaths | undefined;

  private constructor(
    private readonly settings: EngineSettings,
    private readonly shared: Readonly<Record<string, string>>,
    readonly url: string,
    readonly namespace: string,
    readonly temporalAddress: string,
  ) {}

  static async start(settings: EngineSettings): Promise<Engine> {
    const temporalAddress = settings.temporalAddress ?? inject('servers').temporalAddress;
    const namespace = await createNamespace(temporalAddress);
    const port = await choosePort(0, new Set());
    const shared = {
      PATH: process.env.PATH ?? '',
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: namespace,
      LEGACY_DATABASE_URL: settings.legacyUrl,
      CUBE_DATABASE_URL: settings.cubeUrl,
      REDIS_URL: settings.redisUrl ?? inject('servers').redisUrl,
      CUBE_JWT_SECRET: secret,
      STATE_DIR: settings.stateFolder ?? join(tmpdir(), `cubeshift-state-${namespace}`),
      CONTROL_PORT: String(port),
      LOG_LEVEL: 'info',
    };
    const engine = new Engine(settings, shared, `http://127.0.0.1:${port}`, namespace, temporalAddress);
    engine.begin('worker-control');
    for (let place = 2; place <= (settings.controlWorkers ?? 1); place++) engine.begin(`worker-control-${place}`);
    for (let place = 1; place <= (settings.bulkWorkers ?? 1); place++) engine.begin(`worker-bulk-${place}`);
    engine.begin('control');
    await until('the control API to be ready', () => engine.isReady(), 100_000).catch(async (error: unknown) => {
      await engine.stop();
      throw error;
    });
    engine.openapi = (await (await fetch(`${engine.url}/openapi.json`)).json()) as DocumentedPaths;
    return engine;
  }

  private begin(name: ProgramName): void {
    const program = programOf(name);
    if (this.settings.apart?.includes(program) === true) {
      this.startProgram(name);
      return;
    }
    const environment = { ...this.shared, ...this.settings.environment?.[name] };
    this.here.push(new ProgramHere(program, environment, (text) => this.keep(name, text)));
  }

  private keep(name: ProgramName, text: string): void {
    this.said.set(name, (this.said.get(name) ?? '') + text);
  }

  /**
   * Starts a program that runs apart; `environment` adds to what the settings say for it. Without the maps of its sources,
   * which only name places in logs and take a tenth of a start.
   */
  startProgram(name: ProgramName, environment: Readonly<Record<string, string>> = {}): ChildProcess {
    if (this.settings.apart?.includes(programOf(name)) !== true) throw new Error(`${name} does not run apart`);
    const flags = this.settings.nodeFlags?.[name] ?? shortLivedFlags;
    const child = spawn(process.execPath, [...flags, join(packageRoot(), 'dist', 'src', entryOf(name))], {
      env: { ...this.shared, ...this.settings.environment?.[name], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => this.keep(name, chunk.toString('utf8'));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.programs.set(name, child);
    return child;
  }

  program(name: ProgramName): ChildProcess {
    const child = this.programs.get(name);
    if (child === undefined) throw new Error(`${name} was never started as a process`);
    return child;
  }

  isAlive(name: ProgramName): boolean {
    const child = this.program(name);
    return child.exitCode === null && child.signalCode === null;
  }

  /** Everything a program wrote, over all its lives; of a worker here not what its activities log, which goes through Temporal. */
  logOf(name: ProgramName): string {
    return this.said.get(name) ?? '';
  }

  /** Ends a program and waits until it is gone. */
  async kill(name: ProgramName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.program(name);
    if (!this.isAlive(name)) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Calls the control API; `permissions` are those of its token. */
  async call(method: string, path: string, body?: unknown, permissions = allPermissions): Promise<Answer> {
    const { token } = issueCubeToken(secret, { cubeId: 'test', permissions }, new Date());
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json(), headers: response.headers };
  }

  async startMigration(id: string, options: Readonly<Record<string, unknown>> = {}): Promise<MigrationView> {
    return accepted(await this.call('POST', '/v1/migrations/saju-records', { id, mode: 'copy', options }));
  }

  /** Throws when the control API cannot say. */
  async view(id: string): Promise<MigrationView> {
    const { status, body } = await this.call('GET', `/v1/migrations/${id}`);
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return body as MigrationView;
  }

  async steer(id: string, action: string, body?: unknown): Promise<MigrationView> {
    return accepted(await this.call('POST', `/v1/migrations/${id}/${action}`, body));
  }

  /** Accepts the rejects of a run that rests verified, where it has open ones. */
  async accept(id: string): Promise<void> {
    const { actions, progress } = await this.view(id);
    if (progress.rejected === 0 || actions.includes('complete')) return;
    await this.steer(id, 'rejects/accept', { all: true, by: 'test', why: 'as foretold' });
    await this.waitFor(id, 'ready to be completed', (view) => view.actions.includes('complete'));
  }

  /** Accepts a run that rests verified, and before that its rejects. */
  async complete(id: string): Promise<MigrationView> {
    await this.accept(id);
    return this.steer(id, 'complete');
  }

  /** Rolls back every run that has not ended, so that the next one of its kind may start. */
  async rollBackUnfinished(): Promise<void> {
    const { items } = (await this.call('GET', '/v1/migrations')).body as { items: readonly MigrationView[] };
    for (const { id } of items.filter((run) => run.finished_at === null)) {
      await this.steer(id, 'rollback');
      await this.waitFor(id, 'rolled back', (view) => view.status === 'rolled_back');
    }
  }

  /** Waits until the run is as `fits` says; a control API that is away meanwhile is waited for. */
  async waitFor(id: string, what: string, fits: (view: MigrationView) => boolean, millis = 60_000) {
    let last: MigrationView | undefined;
    return until(
      `migration ${id} to be ${what}`,
      async () => {
        last = await this.view(id).catch(() => last);
        return last !== undefined && fits(last) && last;
      },
      millis,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${last?.status} at ${last?.stage}: ${last?.error?.message ?? ''}`);
    });
  }

  waitForRest(id: string, millis = 60_000): Promise<MigrationView> {
    return this.waitFor(id, 'at rest or ended', (view) => view.status !== 'running', millis);
  }

  /** The control API's description of itself. */
  get document(): DocumentedPaths {
    if (this.openapi === undefined) throw new Error('the control API was never ready');
    return this.openapi;
  }

  /** Temporal as the engine's programs see it: one connection for all looks of a test. */
  temporal(): Promise<Connection> {
    this.connection ??= Connection.connect({ address: this.temporalAddress });
    return this.connection;
  }

  /** Throws when the control API ever answered what its document does not name. */
  async stop(): Promise<void> {
    const connection = await this.connection?.catch(() => undefined);
    await connection?.close();
    await Promise.all([
      ...[...this.programs.keys()].map((name) => this.kill(name)),
      ...this.here.map((program) => program.stop()),
    ]);
    const undocumented = this.openapi === undefined ? [] : undocumentedAnswers(this.openapi, this.logOf('control'));
    if (undocumented.length > 0) throw new Error(`not in the OpenAPI document: ${undocumented.join(', ')}`);
  }

  private async isReady(): Promise<boolean> {
    return fetch(`${this.url}/ready`).then(
      (response) => response.ok,
      () => false,
    );
  }
}

export function programOf(name: ProgramName): Program {
  if (name === 'control') return name;
  return name.startsWith('worker-control') ? 'worker-control' : 'worker-bulk';
}

function entryOf(name: ProgramName): string {
  const entries = {
    control: 'services/control/main.js',
    'worker-control': 'workers/control.js',
    'worker-bulk': 'workers/bulk.js',
  };
  return entries[programOf(name)];
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

const allPermissions: readonly string[] = ['migration:read', 'migration:write', 'records:read'];

function accepted(answer: Answer): MigrationView {
  if (answer.status !== 202) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body as MigrationView;
}

/** A namespace of one test file on a shared server. */
export async function createNamespace(address: string): Promise<string> {
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
  } finally {
    await connection.close();
  }
  return namespace;
}
