import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeConnection, Worker } from '@temporalio/worker';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pino from 'pino';
import { failureRule, reportFailure, toFailure } from '../failures.js';

type Log = pino.Logger;

/** The log of a worker, JSON lines on stdout with Temporal's own messages among them, and its figures for Prometheus. */
export function startLog(name: string, level: pino.LevelWithSilentOrString, metricsAddress: string): Log {
  const log = pino({ name, level });
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    logger: new DefaultLogger('INFO', (entry) => log[levels[entry.level]]({ ...safeMeta(entry.meta) }, entry.message)),
    shutdownSignals: [],
    // Slots, schedule-to-start latencies and polls by task queue are the SDK's own figures.
    ...(metricsAddress === ''
      ? {}
      : { telemetryOptions: { metrics: { prometheus: { bindAddress: metricsAddress } } } }),
  });
  return log;
}

/** Temporal's log entries carry errors whose text may quote a row: only names, ids and counts pass. */
function safeMeta(meta: Record<string | symbol, unknown> | undefined): Record<string, unknown> {
  const entries = Object.entries(meta ?? {});
  return Object.fromEntries(
    entries.flatMap(([key, value]) => {
      if (key === 'taskToken') return [];
      if (value instanceof Error) return [[key, value.name]];
      return ['string', 'number', 'boolean'].includes(typeof value) ? [[key, value]] : [];
    }),
  );
}

/**
 * Starts a worker and runs it until SIGINT or SIGTERM, then lets its steps commit. While a server it needs is away it
 * tries again; what only a person can mend ends the process with one clear sentence.
 */
export async function runWorker(
  log: Log,
  start: () => Promise<{ worker: Worker; connection: NativeConnection; close: () => Promise<void> }>,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  while (!stop.signal.aborted) {
    try {
      const { worker, connection, close } = await start();
      const shutdown = () => worker.shutdown();
      stop.signal.addEventListener('abort', shutdown, { once: true });
      log.info('worker ready');
      try {
        if (!stop.signal.aborted) await worker.run();
      } finally {
        stop.signal.removeEventListener('abort', shutdown);
        await close();
        await connection
          .close()
          .catch((error: unknown) => log.debug({ error: toFailure(error).type }, 'connection closed'));
      }
    } catch (error) {
      const failure = toFailure(error);
      log.error(
        { ...reportFailure(failure), cause: failure.cause instanceof Error ? failure.cause.name : undefined },
        failure.message,
      );
      if (!failureRule(failure.type).retryable) {
        process.exitCode = 1;
        return;
      }
      await sleep(1000, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  }
}
