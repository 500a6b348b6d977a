import { configureOrExit } from '../config/configuration.js';
import { startDocumentsWorker } from './documents-worker.js';
import { runWorker, startLog } from './run-worker.js';

/** Entry point of a documents worker: reads documents. As many of them as there are machines. */
const config = configureOrExit(['documents-worker']);
const log = startLog('worker-documents', config.LOG_LEVEL, config.WORKER_METRICS_ADDRESS);
await runWorker(log, () => startDocumentsWorker(config, log));
