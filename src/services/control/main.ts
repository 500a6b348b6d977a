import pino from 'pino';
import { configureOrExit } from '../../config/configuration.js';
import { runControl } from './program.js';

/** Entry point of the control API. */
const config = configureOrExit(['control-api']);
const log = pino({ name: 'control', level: config.LOG_LEVEL });
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
await runControl(config, log, stop.signal);
