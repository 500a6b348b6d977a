import { createRowMoves } from '../activities/row-moves.js';
import { configureOrExit } from '../config.js';
import { armCrashPoint } from '../crash-points.js';
import { taskQueues } from '../domain/task-queues.js';
import { openDatabases } from '../postgres/databases.js';
import { checkLedgerVersion, upgradeLedger } from '../postgres/ledger-schema.js';
import { temporalTarget, temporalVariables } from '../temporal-target.js';
import { runWorker, startLog } from './run-worker.js';
import { connectTemporal, createWorker, workerIdentity } from './worker.js';

/** Entry point of a bulk worker: moves and compares rows. As many of them as there are machines. */
const variables = [
  ...temporalVariables,
  'LEGACY_DATABASE_URL',
  'CUBE_DATABASE_URL',
  'LOG_LEVEL',
  'WORKER_METRICS_ADDRESS',
  'CUBESHIFT_CRASH_POINT',
] as const;
const config = configureOrExit(variables);
const activitySlots = 4;

await runWorker(startLog('worker-bulk', config.LOG_LEVEL, config.WORKER_METRICS_ADDRESS), async () => {
  await upgradeLedger(config.CUBE_DATABASE_URL);
  const connection = await connectTemporal(temporalTarget(config));
  // Each step uses at most three pooled connections at a time on a side; streams have connections of their own.
  const urls = { legacyUrl: config.LEGACY_DATABASE_URL, cubeUrl: config.CUBE_DATABASE_URL };
  const databases = openDatabases(urls, 'cubeshift bulk worker', activitySlots * 3);
  await checkLedgerVersion(databases.cube);
  const worker = await createWorker({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: taskQueues.bulk,
    activities: createRowMoves({
      databases,
      worker: workerIdentity(),
      reach: armCrashPoint(config.CUBESHIFT_CRASH_POINT),
    }),
    maxConcurrentActivityTaskExecutions: activitySlots,
  });
  return { worker, connection, close: () => databases.close() };
});
