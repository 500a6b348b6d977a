import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeConnection, Worker } from '@temporalio/worker';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pino from 'pino';
import { failureRule, reportFailure, toFailure } from '../base/failures.js';

export type Log = pino.Logger;

/** A worker that is to run, and what is to be closed behind it. */
export interface StartedWorker {
  readonly worker: Worker;
  readonly connection: NativeConnection;
  readonly close: () => Promise<void>;
}

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

/** Runs a worker until SIGINT or SIGTERM, as `keepWorking` does; ends the process at a failure that only a person can fix. */
export async function runWorker(log: Log, start: () => Promise<StartedWorker>): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  if ((await keepWorking(log, start, stop.signal)) === 'given_up') process.exitCode = 1;
}

/**
 * Starts a worker and runs it until aborted, then lets its steps commit. While a server it needs is away it tries again;
 * a failure that only a person can fix is one clear sentence, and the end.
 */
export async function keepWorking(
  log: Log,
  start: () => Promise<StartedWorker>,
  signal: AbortSignal,
): Promise<'stopped' | 'given_up'> {
  while (!signal.aborted) {
    try {
      const { worker, connection, close } = await start();
      const shutdown = () => worker.shutdown();
      signal.addEventListener('abort', shutdown, { once: true });
      log.info('worker ready');
      try {
        if (!signal.aborted) await worker.run();
      } finally {
        signal.removeEventListener('abort', shutdown);
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
      if (!failureRule(failure.type).retryable) return 'given_up';
      await sleep(1000, undefined, { signal }).catch(() => undefined);
    }
  }
  return 'stopped';
}
