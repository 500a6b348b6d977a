import { configureOrExit } from '../config/configuration.js';
import { startCrawlerWorker } from './crawler-worker.js';
import { runWorker, startLog } from './run-worker.js';

/** Entry point of a crawler worker: runs the crawler cube's jobs. As many of them as there are machines. */
const config = configureOrExit(['crawler-worker']);
const log = startLog('worker-crawler', config.LOG_LEVEL, config.WORKER_METRICS_ADDRESS);
await runWorker(log, () => startCrawlerWorker(config, log));
