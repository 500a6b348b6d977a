import { createAuditRecord } from '../activities/audit-record.js';
import { createCubeConsistency } from '../activities/cube-consistency.js';
import { createCubeHealth } from '../activities/cube-health.js';
import { createCubeTraffic } from '../activities/cube-traffic.js';
import { createCubeVersions } from '../activities/cube-versions.js';
import { createEscalation } from '../activities/escalation.js';
import { createLedgerSteps } from '../activities/ledger-steps.js';
import { createMigrationSteps } from '../activities/migration-steps.js';
import { createOutsideRequests } from '../activities/outside-requests.js';
import { createTrafficReads, createWeightSteps } from '../activities/traffic.js';
import { isProven } from '../auth/request-proofs.js';
import { LoadedSecrets } from '../auth/token-secrets.js';
import { issueCubeToken } from '../auth/tokens.js';
import { armCrashPoint } from '../base/crash-points.js';
import { packageVersion } from '../base/package-root.js';
import { legacyUrlsOf } from '../config/legacy-urls.js';
import { temporalTarget } from '../config/temporal-address.js';
import type { ConfigurationOf } from '../config/variables.js';
import type { ReceivedRequest } from '../domain/plan-requests.js';
import { taskQueues } from '../domain/task-queues.js';
import { ownedByLegacy } from '../domain/traffic/routing.js';
import { registry } from '../kinds/registry.js';
import { openDatabases } from '../postgres/databases.js';
import { checkLedgerVersion, upgradeLedger } from '../postgres/ledger/schema.js';
import { connectConfiguredRedis } from '../redis/connection.js';
import { restoreActiveVersions } from '../registry/active-versions.js';
import { admittedInstances } from '../registry/admitted-instances.js';
import { reportSecrets } from '../registry/known-secrets.js';
import { createCubeCalls } from '../runtime/cube-calls.js';
import { createLocalRuntime } from '../runtime/local.js';
import { pathOf } from '../state/files.js';
import { joinActivities } from './join-activities.js';
import type { Log, StartedWorker } from './run-worker.js';
import { registerSearchAttributes } from './search-attributes.js';
import { connectTemporal, createWorker, workerIdentity, workflowBundlePath } from './worker.js';

const activitySlots = 10;

/** Starts a control worker, which has the plans and their short steps. Throws while a server it needs is away. */
export async function startControlWorker(config: ConfigurationOf<'control-worker'>, log: Log): Promise<StartedWorker> {
  await upgradeLedger(config.CUBE_DATABASE_URL);
  const connection = await connectTemporal(temporalTarget(config));
  await registerSearchAttributes(connection, config.TEMPORAL_NAMESPACE);
  const urls = { legacyUrl: config.LEGACY_DATABASE_URL, cubeUrl: config.CUBE_DATABASE_URL };
  const databases = openDatabases(urls, 'cubeshift control worker', activitySlots);
  await checkLedgerVersion(databases.cube);
  const secrets = new LoadedSecrets(
    config,
    () => new Date(),
    (sentence) => log.error(sentence),
  );
  const tokenOf = (permission: string) => tokenWith(secrets.cube.current, permission);
  // Without Redis migrations go on; ramps say what they miss.
  const redis = connectConfiguredRedis(config, {
    onError: (error) => log.debug({ error: error.name }, 'redis'),
    onStranger: (sentence) => log.error(sentence),
  });
  const { known, admits } = admittedInstances(config.INSTANCE_NETWORKS, secrets, (sentence) => log.error(sentence));
  const traffic = {
    redis,
    admits,
    databases,
    sources: { prometheusUrl: config.PROMETHEUS_URL, token: () => tokenOf('migration:read') },
  };
  const runtime = createLocalRuntime(config.STATE_DIR, packageVersion());
  const calls = createCubeCalls(tokenOf);
  // Until live sync exists, legacy owns every kind.
  const ownershipOf = async () => ownedByLegacy;
  const stopReporting = reportSecrets(redis, `worker-control/${workerIdentity()}`, () => secrets.fingerprints());
  const proven = (received: ReceivedRequest) => isProven(secrets.cube, received);
  const stopKeeping = restoreActiveVersions(config.STATE_DIR, redis);
  const steps = { databases, worker: workerIdentity(), reach: armCrashPoint(config.CUBESHIFT_CRASH_POINT) };
  const worker = await createWorker({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: taskQueues.control,
    workflowBundle: { codePath: workflowBundlePath },
    activities: joinActivities([
      createLedgerSteps(steps),
      // Of these the plans send `preflight` and `finalize` to this queue.
      createMigrationSteps(steps, registry),
      createTrafficReads({ ...traffic, calls }),
      createWeightSteps(traffic),
      createCubeVersions({ runtime, redis, admits, maxInstances: config.MAX_INSTANCES_PER_CUBE }),
      createCubeHealth({ runtime, redis, admits, calls }),
      createCubeTraffic({ redis, known, ownershipOf, killSwitchFolder: pathOf(config.STATE_DIR, 'killSwitches') }),
      createCubeConsistency({ databases, redis, admits, calls, ownershipOf, legacyUrls: legacyUrlsOf(config) }),
      createEscalation(config.ESCALATION_WEBHOOK_URL),
      createAuditRecord(databases, proven),
      createOutsideRequests(databases, proven),
    ]),
    maxConcurrentActivityTaskExecutions: activitySlots,
    // How long the plans of a worker that was killed wait for it before another takes them.
    stickyQueueScheduleToStartTimeout: '3 seconds',
  });
  const close = async () => {
    stopKeeping();
    await stopReporting();
    secrets.close();
    redis.disconnect();
    await databases.close();
  };
  return { worker, connection, close };
}

/** For what gateways and cubes answer to the engine and to operators alone. */
function tokenWith(secret: string, permission: string): string {
  return issueCubeToken(secret, { cubeId: 'control', permissions: [permission] }, new Date()).token;
}
