import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.js';
import { legacyUrlVariable } from '../../src/domain/cubes.js';
import { connectRedis, type RedisConnection } from '../../src/redis/connection.js';
import { type Registration, registerInstance } from '../../src/registry/instances.js';
import { defaultCacheFolder, ensureArtifact } from '../../src/stack/downloads/fetch.js';
import { choosePort } from '../../src/state/ports.js';
import { Peer } from './peers.js';

const cubeSecret = 'a secret of cubes for measuring, 32 bytes';
export const userSecret = 'a secret of users for measuring, 32 bytes';

/** The gateway as it runs for users: Redis with weights, an instance in the registry, tokens checked, metrics counted. */
export class MeasuredGateway {
  private constructor(
    readonly peer: Peer,
    private readonly startAnother: () => Promise<Peer>,
    private readonly redisPeer: Peer,
    private readonly redis: RedisConnection,
    private readonly registration: Registration,
  ) {}

  /** `weight` percent of the users are on the cube; both sides are the same upstream. */
  static async start(
    folder: string,
    upstream: Peer,
    weight: number,
    service: 'saju' | 'paperwork' = 'saju',
  ): Promise<MeasuredGateway> {
    const redisPort = await choosePort(0, new Set());
    const program = await ensureArtifact('redis', defaultCacheFolder(process.env), () => undefined);
    const redisPeer = await Peer.start(
      'redis',
      program,
      ['--port', String(redisPort), '--save', '', '--dir', folder],
      redisPort,
    );
    const redis = connectRedis(`redis://127.0.0.1:${redisPort}`, { onError: () => undefined });
    if (redis.status !== 'ready') await new Promise((resolve) => redis.once('ready', resolve));
    await redis.set(`${service}_cube_user_percentage`, String(weight));
    const url = `http://127.0.0.1:${upstream.port}`;
    const registration = registerInstance(
      redis,
      {
        cube_id: `${service}-cube`,
        instance_id: 'measured',
        url,
        version: '0',
        state: 'ready',
        started_at: Date.now(),
      },
      { secret: () => cubeSecret },
    );
    await registration.setState('ready');
    const start = async () =>
      startProcess(folder, `redis://127.0.0.1:${redisPort}`, { [legacyUrlVariable(service)]: url });
    return new MeasuredGateway(await start(), start, redisPeer, redis, registration);
  }

  /** One process more of the same gateway, for the caller to stop. */
  another(): Promise<Peer> {
    return this.startAnother();
  }

  async stop(): Promise<void> {
    await this.peer.stop();
    await this.registration.close();
    this.redis.disconnect();
    await this.redisPeer.stop();
  }
}

async function startProcess(
  folder: string,
  redisUrl: string,
  legacyUrl: Readonly<Record<string, string>>,
): Promise<Peer> {
  const port = await choosePort(0, new Set());
  const stateFolder = join(folder, 'gateway');
  mkdirSync(stateFolder, { recursive: true });
  const entry = join(packageRoot(), 'dist', 'src', 'services', 'gateway', 'main.js');
  return Peer.start('gateway', process.execPath, [entry], port, {
    NODE_ENV: 'production',
    REDIS_URL: redisUrl,
    CUBE_JWT_SECRET: cubeSecret,
    USER_JWT_SECRET: userSecret,
    ...legacyUrl,
    CUBE_PORT: String(port),
    STATE_DIR: stateFolder,
    GATEWAY_SHADOW: 'off',
    LOG_LEVEL: 'warn',
  });
}
