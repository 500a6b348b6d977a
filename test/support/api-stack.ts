import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { CubeSupervisor } from '../../src/stack/programs/cubes.js';
import { Supervisor } from '../../src/stack/programs/supervisor.js';
import { StackHome } from '../../src/state/home.js';
import { createDatabases, type TestDatabases } from './databases.js';
import { Engine, testSecret } from './engine.js';
import { type FakeBehaviour, fakeRelease } from './fake-cube.js';
import { OwnRedis } from './own-redis.js';
import { TcpProxy } from './tcp-proxy.js';

interface ApiStackOptions {
  /** Rows in legacy. */
  readonly records: number;
  /** Released versions of the saju cube; the first runs from the start. */
  readonly versions: Readonly<Record<string, FakeBehaviour>>;
}

/** The engine with a supervisor of cubes, where each server of the control API can be cut off by itself. */
export class ApiStack {
  private readonly stopping = new AbortController();
  private readonly watching: Promise<void>;

  private constructor(
    readonly engine: Engine,
    readonly databases: TestDatabases,
    readonly redis: OwnRedis,
    /** Between the control API alone and its servers. */
    readonly cubeDatabase: TcpProxy,
    readonly temporal: TcpProxy,
    private readonly home: StackHome,
    private readonly supervisor: Supervisor,
  ) {
    this.watching = supervisor.watch(this.stopping.signal);
  }

  static async start({ records, versions }: ApiStackOptions): Promise<ApiStack> {
    const databases = await createDatabases(records);
    const redis = await OwnRedis.start();
    const home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-api-stack-')));
    home.prepare();
    for (const [version, behaviour] of Object.entries(versions)) home.addRelease(fakeRelease(version, behaviour));
    const supervisor = new Supervisor(home);
    const variables = () => ({ REDIS_URL: redis.url, CUBE_JWT_SECRET: testSecret });
    await supervisor.bringUpCubes(new CubeSupervisor(home, variables, [], []));
    const cubeDatabase = await TcpProxy.before(databases.cubeUrl);
    const temporal = await TcpProxy.before(`tcp://${inject('servers').temporalAddress}`);
    const engine = await Engine.start({
      ...databases,
      redisUrl: redis.url,
      stateFolder: home.folder,
      environment: {
        control: {
          CUBE_DATABASE_URL: cubeDatabase.url,
          CUBE_STORAGE_URL: join(home.folder, 'storage'),
          TEMPORAL_ADDRESS: new URL(temporal.url).host,
        },
      },
    });
    return new ApiStack(engine, databases, redis, cubeDatabase, temporal, home, supervisor);
  }

  get storeFolder(): string {
    return join(this.home.folder, 'storage');
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    this.stopping.abort();
    await this.watching;
    await this.supervisor.stop();
    await Promise.all([this.cubeDatabase.close(), this.temporal.close(), this.redis.stop()]);
    await this.databases.drop();
    rmSync(this.home.folder, { recursive: true, force: true });
  }
}
