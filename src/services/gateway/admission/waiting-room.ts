import type { TrafficName } from '../../../domain/cubes.js';
import type { Intent } from '../../../domain/traffic/routing.js';
import type { HoldWatch } from '../../../traffic/hold-watch.js';

/** Where requests wait for a hold to end, so many at a time. How long each of them waits is its own business. */
export class WaitingRoom {
  private taken = 0;

  constructor(
    private readonly watch: Pick<HoldWatch, 'holds' | 'lifted'>,
    private readonly max: number,
  ) {}

  /** Whether such a request has to wait now. */
  holds(name: TrafficName, intent: Intent): boolean {
    return this.watch.holds(name, intent);
  }

  /** Calls back when nothing holds it any more, unless it has left before. Null when there is no place. */
  enter(name: TrafficName, intent: Intent, onLifted: () => void): Waiting | null {
    if (this.taken >= this.max) return null;
    this.taken++;
    const waiting = new Waiting(() => this.taken--);
    void this.wait(waiting, name, intent, onLifted);
    return waiting;
  }

  private async wait(waiting: Waiting, name: TrafficName, intent: Intent, onLifted: () => void): Promise<void> {
    // A hold that follows another without a gap holds on.
    while (!waiting.over && this.watch.holds(name, intent)) await this.watch.lifted(name);
    if (waiting.over) return;
    waiting.leave();
    onLifted();
  }
}

/** One place in the room. */
export class Waiting {
  over = false;

  constructor(private readonly free: () => void) {}

  /** Gives the place to another; once is enough. */
  leave(): void {
    if (this.over) return;
    this.over = true;
    this.free();
  }
}
