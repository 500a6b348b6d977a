import type { TrafficName } from '../../../domain/cubes.js';
import type { Intent } from '../../../domain/traffic/routing.js';
import type { HoldScope } from '../../../traffic/holds.js';

interface InFlight {
  reads: number;
  writes: number;
}

/** Counts the requests of each cube between routing and response: a hold is in force once there are none. */
export class InFlightCounter {
  private readonly counts = new Map<TrafficName, InFlight>();
  private waiting: { readonly name: TrafficName; readonly scope: HoldScope; readonly done: () => void }[] = [];

  begin(name: TrafficName, intent: Intent): void {
    const counts = this.counts.get(name);
    if (counts === undefined) this.counts.set(name, { reads: 0, writes: 0, [intent]: 1 });
    else counts[intent]++;
  }

  end(name: TrafficName, intent: Intent): void {
    const counts = this.counts.get(name);
    if (counts !== undefined) counts[intent]--;
    if (this.waiting.length > 0) this.resolveWaiters();
  }

  /** Resolves when no request in the `scope` of a hold is in flight. */
  whenDrained(name: TrafficName, scope: HoldScope): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ name, scope, done: resolve });
      this.resolveWaiters();
    });
  }

  private resolveWaiters(): void {
    const over = this.waiting.filter(({ name, scope }) => {
      const { reads, writes } = this.counts.get(name) ?? { reads: 0, writes: 0 };
      return writes === 0 && (scope === 'writes' || reads === 0);
    });
    this.waiting = this.waiting.filter((one) => !over.includes(one));
    for (const { done } of over) done();
  }
}
