import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { issueCubeToken } from '../../src/auth/tokens.js';
import { packageRoot } from '../../src/base/package-root.js';
import { createAssets } from '../../src/kinds/assets.js';
import { openDatabases } from '../../src/postgres/databases.js';
import { upgradeLedger } from '../../src/postgres/ledger/schema.js';
import { connectRedis } from '../../src/redis/connection.js';
import { registerInstance } from '../../src/registry/instances.js';
import { choosePort } from '../../src/state/ports.js';
import { startAiCubeHere } from './ai-cube-here.js';
import { until } from './conditions.js';
import { createDatabases, type TestDatabases } from './databases.js';
import { testSecret } from './engine.js';
import { fillModels, ModelFolders } from './legacy-models.js';
import { noS3 } from './no-s3.js';
import { OwnRedis } from './own-redis.js';

/** Legacy with the stand-in's models and its AI service as a process of its own, and the AI cube with an empty store. */
export class AiStack {
  private constructor(
    readonly databases: TestDatabases,
    readonly folders: ModelFolders,
    /** Of a bulk worker, besides those of its databases. */
    readonly variables: Readonly<Record<string, string>>,
    readonly deps: ActivityDependencies,
    readonly cube: FastifyInstance,
    private readonly closers: readonly (() => Promise<unknown>)[],
  ) {}

  static async start(): Promise<AiStack> {
    const databases = await createDatabases(0);
    await upgradeLedger(databases.cubeUrl);
    const folders = ModelFolders.create();
    await fillModels(databases.legacy);
    const legacy = await startLegacyService(databases.legacyUrl, folders.models);
    const {
      cube,
      url: cubeUrl,
      close,
    } = await startAiCubeHere({
      legacyUrl: databases.legacyUrl,
      cubeUrl: databases.cubeUrl,
      serviceUrl: legacy.url,
      folder: folders.models,
      storeFolder: folders.store,
    });
    // Workers find it in the registry.
    const ownRedis = await OwnRedis.start();
    const redis = connectRedis(ownRedis.url, { onError: () => undefined });
    const registered = registerInstance(
      redis,
      { cube_id: 'ai-cube', instance_id: 'one', version: '1', url: cubeUrl, state: 'ready', started_at: Date.now() },
      { secret: () => testSecret },
    );
    const opened = openDatabases(databases, 'test', 10);
    const variables = {
      LEGACY_MODEL_DIR: folders.models,
      LEGACY_STORAGE_DIR: '',
      ...noS3,
      CUBE_STORAGE_URL: folders.store,
      LEGACY_AI_URL: legacy.url,
      REDIS_URL: ownRedis.url,
    };
    const assets = createAssets(
      { ...variables, AI_CUBE_PROCESS_MIB: 512 },
      {
        token: (permission) =>
          issueCubeToken(testSecret, { cubeId: 'test', permissions: [permission] }, new Date()).token,
        aiCubeUrl: async () => cubeUrl,
      },
    );
    const deps = { databases: opened, worker: 'test/0', reach: () => undefined, assets };
    return new AiStack(databases, folders, variables, deps, cube, [
      () => registered.close(),
      async () => redis.disconnect(),
      () => ownRedis.stop(),
      close,
      () => legacy.stop(),
      () => opened.close(),
      () => databases.drop(),
      async () => folders.remove(),
    ]);
  }

  async stop(): Promise<void> {
    for (const close of this.closers) await close();
  }
}

/** The stand-in's AI service, as a process. */
async function startLegacyService(databaseUrl: string, models: string) {
  const port = await choosePort(0, new Set());
  const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'legacy', 'ai-service.js')], {
    env: { PATH: process.env.PATH, LEGACY_DATABASE_URL: databaseUrl, LEGACY_MODEL_DIR: models, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const url = `http://127.0.0.1:${port}`;
  await until('the AI service of legacy to answer', () =>
    fetch(`${url}/health`).then(
      (answer) => answer.ok,
      () => false,
    ),
  );
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return { url, stop };
}
