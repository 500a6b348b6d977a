import { configureOrExit } from '../config/configuration.js';
import { startControlWorker } from './control-worker.js';
import { runWorker, startLog } from './run-worker.js';

/** Entry point of a control worker: the plans and their short steps. */
const config = configureOrExit(['control-worker']);
const log = startLog('worker-control', config.LOG_LEVEL, config.WORKER_METRICS_ADDRESS);
await runWorker(log, () => startControlWorker(config, log));
