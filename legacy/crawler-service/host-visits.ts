import { setTimeout as pause } from 'node:timers/promises';

/** How one job treats a host. */
export interface HostRule {
  /** Requests in any sixty seconds. */
  readonly perMinute: number;
  readonly delayMillis: number;
}

const windowMillis = 60_000;

/** What time is it, and how to wait; in milliseconds of a clock that never goes back. */
export interface Clock {
  now(): number;
  /** Throws when the signal comes before. */
  wait(millis: number, signal: AbortSignal): Promise<void>;
}

export const machineClock: Clock = {
  now: () => performance.now(),
  wait: (millis, signal) => pause(millis, undefined, { signal }),
};

/**
 * When the jobs of this process may call a host: one request at a time, and by the strictest of all rules that hold there. Times are counted
 * from the end of a request, which the host saw earlier: so its own log shows no more than allowed in any sixty seconds.
 */
export class HostVisits {
  private readonly hosts = new Map<string, Host>();

  constructor(private readonly clock: Clock = machineClock) {}

  /** The rule holds until the returned function is called. */
  hold(name: string, rule: HostRule): () => void {
    const { rules } = this.hostOf(name);
    // The same rule of two jobs is two rules.
    const held = { ...rule };
    rules.add(held);
    return () => rules.delete(held);
  }

  /** Waits for the turn, then calls. Throws when the signal comes before. */
  async visit<T>(name: string, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    const host = this.hostOf(name);
    const former = host.turn;
    let leave = () => {};
    host.turn = new Promise((resolve) => {
      leave = resolve;
    });
    try {
      await unlessAborted(former, signal);
      for (let wait = this.waitMillis(host); wait > 0; wait = this.waitMillis(host))
        await this.clock.wait(wait, signal);
      signal.throwIfAborted();
      return await call().finally(() => host.ended.push(this.clock.now()));
    } finally {
      // One who leaves early does not let the next one in before those who came first.
      void former.then(leave);
    }
  }

  /** Nobody calls the host for so long. */
  rest(name: string, millis: number): void {
    const host = this.hostOf(name);
    host.restsUntil = Math.max(host.restsUntil, this.clock.now() + millis);
  }

  private waitMillis(host: Host): number {
    const now = this.clock.now();
    return Math.ceil(host.dueAt(now) - now);
  }

  private hostOf(name: string): Host {
    const known = this.hosts.get(name) ?? new Host();
    this.hosts.set(name, known);
    return known;
  }
}

class Host {
  readonly rules = new Set<HostRule>();
  readonly ended: number[] = [];
  turn = Promise.resolve();
  restsUntil = 0;

  /** When the next request may be made, by the rules that hold now. */
  dueAt(now: number): number {
    while ((this.ended[0] ?? now) < now - windowMillis) this.ended.shift();
    const rules = [...this.rules];
    const perMinute = Math.min(...rules.map((rule) => rule.perMinute));
    const delayMillis = Math.max(0, ...rules.map((rule) => rule.delayMillis));
    const last = this.ended.at(-1);
    return Math.max(
      this.restsUntil,
      last === undefined ? 0 : last + delayMillis,
      this.ended.length < perMinute ? 0 : (this.ended[this.ended.length - perMinute] ?? now) + windowMillis + 1,
    );
  }
}

function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void promise.then(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
}
