import { createDocumentSteps } from '../activities/document-steps.js';
import { LoadedSecrets } from '../auth/token-secrets.js';
import { armCrashPoint } from '../base/crash-points.js';
import { toFailure } from '../base/failures.js';
import { temporalTarget } from '../config/temporal-address.js';
import type { ConfigurationOf } from '../config/variables.js';
import { defaultDocumentLimits } from '../documents/document-limits.js';
import { DocumentPool } from '../documents/document-pool.js';
import { taskQueues } from '../domain/task-queues.js';
import { createInterCubeCalls } from '../http/inter-cube-calls.js';
import { createClassifyText } from '../paperwork/classify-text.js';
import { createFindFile } from '../paperwork/find-file.js';
import { createProcessingOutbox } from '../paperwork/processing-outbox.js';
import { createProcessingRecords } from '../paperwork/processing-records.js';
import { ResultWriter } from '../paperwork/processing-result.js';
import { createStoredFiles } from '../paperwork/stored-files.js';
import { createPool } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';
import { connectConfiguredRedis } from '../redis/connection.js';
import { admittedInstances } from '../registry/admitted-instances.js';
import { openStore } from '../storage/open-store.js';
import { keepDispatching } from './processing-dispatch.js';
import type { Log, StartedWorker } from './run-worker.js';
import { connectTemporal, createWorker, workflowBundlePath } from './worker.js';

const mebibyte = 1024 * 1024;
/** In addition to those that read: results are written, and calls of the AI cube made, while all processes read. */
const furtherSlots = 4;

/** Starts a documents worker, which has the plans of documents and reads these. Throws while a server it needs is away. */
export async function startDocumentsWorker(
  config: ConfigurationOf<'documents-worker'>,
  log: Log,
): Promise<StartedWorker> {
  const connection = await connectTemporal(temporalTarget(config));
  const slots = config.DOCUMENT_PROCESSES + furtherSlots;
  const applicationName = 'cubeshift documents worker';
  const cube = createPool(config.CUBE_DATABASE_URL, { applicationName, max: slots + 2 });
  // The triggers of the monolith's table run, as with the monolith's own results.
  const legacy = createPool(config.PAPERWORK_CUBE_LEGACY_URL, { applicationName, max: slots, runsForeignCode: true });
  // The tables that it needs are another program's to make.
  await atSide('cube', () => cube.query('select from paperwork.processing limit 0'));
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
  // What it does is the paperwork cube's work, which the AI cube knows as its caller.
  const calls = await createInterCubeCalls({
    callerId: 'paperwork-cube',
    secret: () => secrets.cube.current,
    clock: () => new Date(),
    redis,
    admits,
    cubeIds: ['ai-cube'],
  });
  const limits = { ...defaultDocumentLimits, maxResidentBytes: config.DOCUMENT_PROCESS_MIB * mebibyte };
  const pool = new DocumentPool({ processes: config.DOCUMENT_PROCESSES, limits });
  const reach = armCrashPoint(config.CUBESHIFT_CRASH_POINT);
  const records = createProcessingRecords(cube);
  const worker = await createWorker({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: taskQueues.documents,
    workflowBundle: { codePath: workflowBundlePath },
    activities: createDocumentSteps({
      records,
      findFile: createFindFile(legacy),
      places: {
        folder: { path: config.LEGACY_STORAGE_DIR, variable: 'LEGACY_STORAGE_DIR' },
        store: openStore(config),
        stored: createStoredFiles(cube),
        onMissed: (error) => {
          const { type, message } = toFailure(error);
          log.error({ type, detail: message }, 'a content could not be read where it is stored');
        },
      },
      pool,
      limits,
      reach,
      results: new ResultWriter(legacy, records, reach),
      classify: createClassifyText(calls),
    }),
    maxConcurrentActivityTaskExecutions: slots,
    stickyQueueScheduleToStartTimeout: '3 seconds',
  });
  const stopDispatching = keepDispatching(createProcessingOutbox(cube), {
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    reach,
    log,
  });
  const close = async () => {
    await stopDispatching();
    await pool.close();
    await calls.close();
    secrets.close();
    redis.disconnect();
    await Promise.all([cube.end(), legacy.end()]);
  };
  return { worker, connection, close };
}
