import type { RedisConnection } from '../redis/connection.js';
import { changedChannel } from '../redis/keys.js';

export interface Poller {
  /** Looks for the first time and returns when that is over, well or not; from then on it looks by itself. */
  start(): Promise<void>;
  /** Stops looking and returns when no look is under way any more. */
  close(): Promise<void>;
}

export interface PollerOptions {
  /** Never throws. */
  readonly look: () => Promise<void>;
  readonly everyMillis: number;
}

/** Looks again and again, one look at a time, and at once after `nudge`. */
export function createPoller({ look, everyMillis }: PollerOptions): Poller & { nudge(): void } {
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let nudged = false;
  let closed = false;

  const turn = async () => {
    clearTimeout(timer);
    nudged = false;
    looking = look();
    await looking;
    looking = undefined;
    if (!closed) timer = setTimeout(turn, nudged ? 0 : everyMillis);
  };
  return {
    start: turn,
    nudge: () => {
      nudged = true;
      if (looking === undefined && !closed) void turn();
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

/**
 * Calls `heard` for every change that anybody announces, over a connection of its own. A Redis that forbids it, or is
 * away, costs nothing but the speed. Returns how to stop.
 */
export function listenForChanges(redis: RedisConnection, heard: () => void): () => void {
  const listener = redis.duplicate();
  // Whoever gave the connection is told of its errors; this one fails for the same reasons.
  listener.on('error', () => undefined);
  listener.on('ready', () => listener.subscribe(changedChannel).catch(() => undefined));
  listener.on('message', heard);
  return () => listener.disconnect();
}
