import { createCrawlSteps } from '../activities/crawl-steps.js';
import { armCrashPoint } from '../base/crash-points.js';
import { temporalTarget } from '../config/temporal-address.js';
import type { ConfigurationOf } from '../config/variables.js';
import { ExtractionThreads } from '../crawler/extracting/extraction-threads.js';
import { createFetcher } from '../crawler/fetching/fetcher.js';
import { HostPace } from '../crawler/fetching/host-pace.js';
import { createResultIds } from '../crawler/result-ids.js';
import { createScheduleRecords } from '../crawler/schedule-records.js';
import { createWriteBack } from '../crawler/write-back.js';
import { taskQueues } from '../domain/task-queues.js';
import { createPool } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';
import { connectConfiguredRedis } from '../redis/connection.js';
import { keepResults } from './result-keeping.js';
import type { Log, StartedWorker } from './run-worker.js';
import { keepSchedules } from './schedule-keeping.js';
import { connectTemporal, createWorker, workerIdentity, workflowBundlePath } from './worker.js';

/** Runs that fetch at the same time; one that waits for its host costs nothing else. */
const slots = 40;
/** Extracting takes most of the processor time of a page. */
const extractionThreads = 2;

/** Starts a crawler worker, which has the plans of runs and fetches for them. Throws while a server it needs is away. */
export async function startCrawlerWorker(config: ConfigurationOf<'crawler-worker'>, log: Log): Promise<StartedWorker> {
  const connection = await connectTemporal(temporalTarget(config));
  const applicationName = 'cubeshift crawler worker';
  const cube = createPool(config.CUBE_DATABASE_URL, { applicationName, max: 12 });
  // The triggers of the monolith's table run, as with the monolith's own results.
  const legacy = createPool(config.CRAWLER_CUBE_LEGACY_URL, { applicationName, max: 2, runsForeignCode: true });
  // The tables that it needs are another program's to make.
  await atSide('cube', () => cube.query('select from crawler.jobs limit 0'));
  const redis = connectConfiguredRedis(config, {
    onError: (error) => log.debug({ error: error.name }, 'redis'),
    onStranger: (sentence) => log.error(sentence),
  });
  const reach = armCrashPoint(config.CUBESHIFT_CRASH_POINT);
  const ids = createResultIds(legacy, cube);
  const pace = new HostPace(redis);
  const threads = new ExtractionThreads(extractionThreads);
  const fetcher = createFetcher({ allowed: config.CRAWLER_ALLOWED_TARGETS, pace });
  const worker = await createWorker({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    taskQueue: taskQueues.crawler,
    workflowBundle: { codePath: workflowBundlePath },
    activities: createCrawlSteps({ cube, ids, worker: workerIdentity(), reach, fetcher, threads }),
    maxConcurrentActivityTaskExecutions: slots,
    stickyQueueScheduleToStartTimeout: '3 seconds',
  });
  const stopScheduling = keepSchedules(createScheduleRecords(cube), {
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    reach,
    log,
  });
  const stopKeeping = keepResults({ cube, ids, writeBack: createWriteBack(legacy, cube), reach, log });
  const close = async () => {
    await Promise.all([stopScheduling(), stopKeeping()]);
    await Promise.all([fetcher.close(), threads.close()]);
    pace.close();
    redis.disconnect();
    await Promise.all([cube.end(), legacy.end()]);
  };
  return { worker, connection, close };
}
