import { createRunSteps } from '../activities/run-steps.js';
import { armCrashPoint } from '../crash-points.js';
import { taskQueues } from '../domain/task-queues.js';
import { openDatabases } from '../postgres/databases.js';
import { checkLedgerVersion, upgradeLedger } from '../postgres/ledger-schema.js';
import { configureOrExit, runWorker, startLog } from './run-worker.js';
import { registerSearchAttributes } from './search-attributes.js';
import { connectTemporal, createWorker, workerIdentity, workflowBundlePath } from './worker.js';

/** Entry point of a control worker: the plans and their short steps. */
const variables = [
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'LEGACY_DATABASE_URL',
  'CUBE_DATABASE_URL',
  'LOG_LEVEL',
  'WORKER_METRICS_ADDRESS',
  'CUBESHIFT_CRASH_POINT',
] as const;
const config = configureOrExit(variables);
const activitySlots = 10;

await runWorker(startLog('worker-control', config.LOG_LEVEL, config.WORKER_METRICS_ADDRESS), async () => {
  await upgradeLedger(config.CUBE_DATABASE_URL);
  const connection = await connectTemporal(config.TEMPORAL_ADDRESS);
  await registerSearchAttributes(connection, config.TEMPORAL_NAMESPACE);
  const urls = { legacyUrl: config.LEGACY_DATABASE_URL, cubeUrl: config.CUBE_DATABASE_URL };
  const databases = openDatabases(urls, 'cubeshift control worker', activitySlots);
  await checkLedgerVersion(databases.cube);
  const worker = await createWorker({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: taskQueues.control,
    workflowBundle: { codePath: workflowBundlePath },
    activities: createRunSteps({
      databases,
      worker: workerIdentity(),
      reach: armCrashPoint(config.CUBESHIFT_CRASH_POINT),
    }),
    maxConcurrentActivityTaskExecutions: activitySlots,
  });
  return { worker, connection, close: () => databases.close() };
});
