import type { RedisConnection } from '../redis/connection.js';
import { changedChannel } from '../redis/keys.js';

export interface Poller {
  /** Polls once and returns when that has ended, successful or not; from then on it polls by itself. */
  start(): Promise<void>;
  /** Stops polling and returns when no poll is in progress. */
  close(): Promise<void>;
}

export interface PollerOptions {
  /** Never throws. */
  readonly poll: () => Promise<void>;
  readonly everyMillis: number;
}

/** Polls repeatedly, one poll at a time, and at once after `pollNow`. */
export function createPoller({ poll, everyMillis }: PollerOptions): Poller & { pollNow(): void } {
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> | undefined;
  let requested = false;
  let closed = false;

  const run = async () => {
    clearTimeout(timer);
    requested = false;
    current = poll();
    await current;
    current = undefined;
    if (!closed) timer = setTimeout(run, requested ? 0 : everyMillis);
  };
  return {
    start: run,
    pollNow: () => {
      requested = true;
      if (current === undefined && !closed) void run();
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await current;
    },
  };
}

/**
 * Calls `onChange` for every announced change, over its own connection. Where Redis forbids it, or is away, changes arrive
 * later and no less surely. Returns a function that stops it.
 */
export function subscribeToChanges(redis: RedisConnection, onChange: () => void): () => void {
  const listener = redis.duplicate();
  // The given connection reports its errors; this one fails for the same reasons.
  listener.on('error', () => undefined);
  listener.on('ready', () => listener.subscribe(changedChannel).catch(() => undefined));
  listener.on('message', onChange);
  return () => listener.disconnect();
}
