import { configureOrExit } from '../config/configuration.js';
import { startBulkWorker } from './bulk-worker.js';
import { runWorker, startLog } from './run-worker.js';

/** Entry point of a bulk worker: moves and compares rows. As many of them as there are machines. */
const config = configureOrExit(['bulk-worker']);
const log = startLog('worker-bulk', config.LOG_LEVEL, config.WORKER_METRICS_ADDRESS);
await runWorker(log, () => startBulkWorker(config, log));
