import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeploymentView } from '../../src/domain/deployment/deployment.js';
import type { Release } from '../../src/domain/deployment/releases.js';
import type { RollbackView } from '../../src/domain/deployment/rollback.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { CubeSupervisor } from '../../src/stack/programs/cubes.js';
import { Supervisor } from '../../src/stack/programs/supervisor.js';
import { StackHome } from '../../src/state/home.js';
import { until } from './conditions.js';
import { createDatabases, type TestDatabases } from './databases.js';
import { Engine, testSecret } from './engine.js';
import { OwnRedis } from './own-redis.js';
import type { Program } from './programs-here.js';

interface CubeStackOptions {
  /** Rows in legacy. */
  readonly records?: number;
  /** For a test that moves rows. */
  readonly bulkWorkers?: number;
  /** Programs of the engine that run as processes of their own. */
  readonly apart?: readonly Program[];
  /** That of the control worker. */
  readonly environment?: Readonly<Record<string, string>>;
  /** That of the bulk worker. */
  readonly bulkEnvironment?: Readonly<Record<string, string>>;
}

/** The engine with a supervisor of cubes, on real servers: what deployments and rollbacks need. */
export class CubeStack {
  private readonly stopping = new AbortController();
  private readonly watching: Promise<void>;

  private constructor(
    readonly databases: TestDatabases,
    readonly ownRedis: OwnRedis,
    readonly redis: RedisConnection,
    readonly home: StackHome,
    readonly engine: Engine,
    /** Whose first version runs from the start. */
    private readonly cubeId: Release['cube_id'],
    private readonly supervisor: Supervisor,
  ) {
    this.watching = supervisor.watch(this.stopping.signal);
  }

  /** Runs `first`. */
  static async start(
    first: Release,
    { records = 50, bulkWorkers = 0, apart = [], environment = {}, bulkEnvironment = {} }: CubeStackOptions = {},
  ): Promise<CubeStack> {
    const databases = await createDatabases(records);
    const ownRedis = await OwnRedis.start();
    const home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-cube-stack-')));
    home.prepare();
    home.addRelease(first);
    const redis = connectRedis(ownRedis.url, { onError: () => undefined });
    const supervisor = new Supervisor(home);
    const environmentOfCubes = {
      REDIS_URL: ownRedis.url,
      CUBE_JWT_SECRET: testSecret,
      LEGACY_DATABASE_URL: databases.legacyUrl,
      CUBE_DATABASE_URL: databases.cubeUrl,
    };
    await supervisor.bringUpCubes(new CubeSupervisor(home, () => environmentOfCubes, [], []));
    const engine = await Engine.start({
      ...databases,
      redisUrl: ownRedis.url,
      stateFolder: home.folder,
      bulkWorkers,
      apart,
      environment: { 'worker-control': environment, 'worker-bulk-1': bulkEnvironment },
    });
    return new CubeStack(databases, ownRedis, redis, home, engine, first.cube_id, supervisor);
  }

  async deploy(version: string, body: Readonly<Record<string, unknown>> = {}): Promise<DeploymentView> {
    await this.ask('deploy', { version, ...body });
    return this.deployed();
  }

  /** The deployment once it is over. */
  deployed(): Promise<DeploymentView> {
    return until('the deployment to end', async () => {
      const { status, body } = await this.engine.call('GET', `/v1/cubes/${this.cubeId}/deployment`);
      // A worker that is away or short of time cannot say.
      if (status === 503) return false;
      if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
      const view = body as DeploymentView;
      return view.status !== 'running' && view;
    });
  }

  async rollBack(body: Readonly<Record<string, unknown>>): Promise<RollbackView> {
    return (await this.ask('rollback', body)) as RollbackView;
  }

  private async ask(what: 'deploy' | 'rollback', body: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { status, body: view } = await this.engine.call('POST', `/v1/cubes/${this.cubeId}/${what}`, body);
    if (status !== 202) throw new Error(`${status}: ${JSON.stringify(view)}`);
    return view;
  }

  rollback(fits: (view: RollbackView) => boolean = ({ status }) => status !== 'running'): Promise<RollbackView> {
    let last: RollbackView | undefined;
    return until('the rollback to be as expected', async () => {
      const { status, body } = await this.engine.call('GET', `/v1/cubes/${this.cubeId}/rollback`);
      // A worker that is away cannot say.
      if (status !== 200) return false;
      last = body as RollbackView;
      return fits(last) && last;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${JSON.stringify(last)}`);
    });
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    this.stopping.abort();
    await this.watching;
    await this.supervisor.stop();
    this.redis.disconnect();
    await this.ownRedis.stop();
    await this.databases.drop();
    rmSync(this.home.folder, { recursive: true, force: true });
  }
}
