import type { TrafficName } from '../domain/cubes.js';
import type { Intent } from '../domain/traffic/routing.js';
import type { RedisConnection } from '../redis/connection.js';
import { holdAcknowledgementsKey, holdKey } from '../redis/keys.js';
import { createPoller, subscribeToChanges } from '../registry/polling.js';
import { type Hold, type HoldScope, isLifted, parseHold } from './holds.js';

export interface HoldWatchOptions {
  readonly redis: RedisConnection;
  readonly names: readonly TrafficName[];
  /** The id under which this gateway acknowledges. */
  readonly instanceId: string;
  readonly everyMillis?: number;
  /**
   * Called when a hold begins: resolves when the requests in its scope that were admitted before have been answered. So an
   * acknowledgement means that none of them is in flight.
   */
  readonly whenDrained: (name: TrafficName, scope: HoldScope) => Promise<void>;
}

export interface HoldWatch {
  start(): Promise<void>;
  /** Whether such a request has to wait now; returns at once. */
  holds(name: TrafficName, intent: Intent): boolean;
  /** Resolves when the hold of the cube ends: lifted, expired, or this watch closed. */
  lifted(name: TrafficName): Promise<void>;
  close(): Promise<void>;
}

/**
 * The holds that apply at a gateway. A hold stays until it is lifted or expires, also while Redis
 * is away or has lost it: its plan relies on the acknowledgement. Then it ends by itself. The clock of Redis, not of this machine, sets its time.
 */
export function createHoldWatch(options: HoldWatchOptions): HoldWatch {
  const { redis, names, instanceId, everyMillis = 400, whenDrained } = options;
  const held = new Map<TrafficName, ActiveHold>();

  const poll = async () => {
    try {
      for (const { name, hold, lifted, leftMillis } of await readHolds(redis, names)) {
        const known = held.get(name);
        if (hold === null || leftMillis <= 0) {
          if (lifted) known?.end();
        } else if (known === undefined) {
          const kept = new ActiveHold(hold, leftMillis, () => held.delete(name));
          held.set(name, kept);
          kept.drain(whenDrained(name, hold.scope));
        } else if (known.hold.id !== hold.id) {
          // A hold that follows another without a gap: waiting requests keep waiting.
          known.replace(hold, leftMillis);
          known.drain(whenDrained(name, hold.scope));
        } else if (known.hold.until !== hold.until) known.replace(hold, leftMillis);
      }
      for (const kept of held.values()) await acknowledge(redis, instanceId, kept);
    } catch {
      // Without Redis a hold stays until it expires.
    }
  };

  const polling = createPoller({ poll, everyMillis });
  let stopListening = () => {};
  return {
    start: async () => {
      await polling.start();
      stopListening = subscribeToChanges(redis, polling.pollNow);
    },
    holds: (name, intent) => {
      const scope = held.get(name)?.hold.scope;
      return scope === 'all' || (scope === 'writes' && intent === 'writes');
    },
    lifted: (name) => held.get(name)?.ended ?? Promise.resolve(),
    close: async () => {
      stopListening();
      await polling.close();
      for (const kept of [...held.values()]) kept.end();
    },
  };
}

class ActiveHold {
  readonly ended: Promise<void>;
  /** The end of the hold at the time of its acknowledgement. */
  acknowledged: number | undefined;
  private draining = 0;
  private timer: NodeJS.Timeout | undefined;
  private finish = () => {};

  constructor(
    public hold: Hold,
    leftMillis: number,
    private readonly forget: () => void,
  ) {
    this.ended = new Promise((resolve) => {
      this.finish = resolve;
    });
    this.replace(hold, leftMillis);
  }

  /** A timer of this process, not its wall clock, ends the hold. */
  replace(hold: Hold, leftMillis: number): void {
    this.hold = hold;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(), leftMillis);
  }

  drain(drained: Promise<void>): void {
    this.draining += 1;
    // After a failure the hold is never acknowledged, so that its plan does not continue.
    drained.then(
      () => {
        this.draining -= 1;
      },
      () => undefined,
    );
  }

  get due(): boolean {
    return this.draining === 0 && this.acknowledged !== this.hold.until;
  }

  end(): void {
    clearTimeout(this.timer);
    this.forget();
    this.finish();
  }
}

async function acknowledge(redis: RedisConnection, instanceId: string, kept: ActiveHold): Promise<void> {
  if (!kept.due) return;
  const { id, until } = kept.hold;
  const key = holdAcknowledgementsKey(id);
  const answers = await redis
    .multi()
    .hset(key, instanceId, String(until))
    .pexpireat(key, until + 60_000)
    .exec();
  if (answers?.every(([error]) => error === null)) kept.acknowledged = until;
}

async function readHolds(redis: RedisConnection, names: readonly TrafficName[]) {
  const transaction = redis.multi().time();
  for (const name of names) transaction.get(holdKey(name));
  const [time, ...texts] = (await transaction.exec()) ?? [];
  if (time === undefined || texts.length !== names.length) throw new Error('Redis gave the transaction up');
  const [seconds, micros] = (time[1] ?? []) as readonly (string | number)[];
  const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  if (!Number.isFinite(now)) throw new Error('Redis did not return the time');
  return names.map((name, index) => {
    const hold = parseHold(texts[index]?.[1]);
    return { name, hold, lifted: isLifted(texts[index]?.[1]), leftMillis: hold === null ? 0 : hold.until - now };
  });
}
