import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import type { Registration } from '../../src/registry/instances.js';
import { writeFlags } from '../../src/traffic/flags.js';
import { until } from './conditions.js';
import { createDatabases, type TestDatabases } from './databases.js';
import { Engine } from './engine.js';
import { OwnRedis } from './own-redis.js';
import type { Program } from './programs-here.js';
import { registerInstance } from './registry.js';
import { WritableCube } from './writable-cube.js';

interface RampStackOptions {
  /** Programs of the engine that run as processes of their own. */
  readonly apart?: readonly Program[];
  /** That of the control worker. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What a ramp needs beside gateways: control API, worker and Temporal, and a Redis of its own. */
export class RampStack {
  private constructor(
    readonly databases: TestDatabases,
    readonly ownRedis: OwnRedis,
    readonly redis: RedisConnection,
    readonly engine: Engine,
    readonly cube: WritableCube,
  ) {}

  static async start({ apart = [], environment = {} }: RampStackOptions = {}): Promise<RampStack> {
    const databases = await createDatabases(1);
    const ownRedis = await OwnRedis.start();
    const redis = connectRedis(ownRedis.url, { onError: () => undefined });
    await until('a connection', () => redis.status === 'ready');
    const engine = await Engine.start({
      ...databases,
      redisUrl: ownRedis.url,
      bulkWorkers: 0,
      apart,
      environment: { 'worker-control': environment },
    });
    return new RampStack(databases, ownRedis, redis, engine, await WritableCube.start());
  }

  /** Nobody on the saju cube. */
  async openForNobody(): Promise<void> {
    await writeFlags(this.redis, 'saju', { enabled: true, percentage: 0 }, { by: 'test', why: 'begin' });
  }

  /** A ready instance of the saju cube, as the registry knows it. */
  registerCube(): Registration {
    const ready = { version: '1', state: 'ready', started_at: Date.now() } as const;
    const place = { cube_id: 'saju-cube', instance_id: 'saju-1', url: this.cube.url } as const;
    return registerInstance(this.redis, { ...place, ...ready });
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    await this.cube.stop();
    this.redis.disconnect();
    await this.ownRedis.stop();
    await this.databases.drop();
  }
}
