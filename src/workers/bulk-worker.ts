import { createItemSteps } from '../activities/item-steps.js';
import { createMigrationSteps } from '../activities/migration-steps.js';
import { LoadedSecrets } from '../auth/token-secrets.js';
import { issueCubeToken } from '../auth/tokens.js';
import { armCrashPoint } from '../base/crash-points.js';
import { temporalTarget } from '../config/temporal-address.js';
import type { ConfigurationOf } from '../config/variables.js';
import { taskQueues } from '../domain/task-queues.js';
import { createAssets } from '../kinds/assets.js';
import { registry } from '../kinds/registry.js';
import { openDatabases } from '../postgres/databases.js';
import { checkLedgerVersion, upgradeLedger } from '../postgres/ledger/schema.js';
import { connectConfiguredRedis } from '../redis/connection.js';
import { admittedInstances } from '../registry/admitted-instances.js';
import { servingUrl } from '../registry/serving-instance.js';
import { joinActivities } from './join-activities.js';
import type { Log, StartedWorker } from './run-worker.js';
import { connectTemporal, createWorker, workerIdentity } from './worker.js';

const activitySlots = 4;

/** Starts a bulk worker, which moves and compares rows. Throws while a server it needs is away. */
export async function startBulkWorker(config: ConfigurationOf<'bulk-worker'>, log: Log): Promise<StartedWorker> {
  await upgradeLedger(config.CUBE_DATABASE_URL);
  const connection = await connectTemporal(temporalTarget(config));
  // Each step uses at most three pooled connections at a time on a side; streams have connections of their own.
  const urls = { legacyUrl: config.LEGACY_DATABASE_URL, cubeUrl: config.CUBE_DATABASE_URL };
  const databases = openDatabases(urls, 'cubeshift bulk worker', activitySlots * 3);
  await checkLedgerVersion(databases.cube);
  const secrets = new LoadedSecrets(
    config,
    () => new Date(),
    (sentence) => log.error(sentence),
  );
  const redis = connectConfiguredRedis(config, {
    onError: (error) => log.debug({ error: error.name }, 'redis'),
    onStranger: (sentence) => log.error(sentence),
  });
  const { admits } = admittedInstances(config.INSTANCE_NETWORKS, secrets, (sentence) => log.error(sentence));
  const token = (permission: string) =>
    issueCubeToken(secrets.cube.current, { cubeId: 'bulk-worker', permissions: [permission] }, new Date()).token;
  const steps = {
    databases,
    worker: workerIdentity(),
    reach: armCrashPoint(config.CUBESHIFT_CRASH_POINT),
    assets: createAssets(config, { token, aiCubeUrl: () => servingUrl(redis, 'ai-cube', admits) }),
  };
  const worker = await createWorker({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: taskQueues.bulk,
    activities: joinActivities([createMigrationSteps(steps, registry), createItemSteps(steps, registry)]),
    maxConcurrentActivityTaskExecutions: activitySlots,
  });
  const close = async () => {
    secrets.close();
    redis.disconnect();
    await databases.close();
  };
  return { worker, connection, close };
}
