import type { TrafficName } from '../../../domain/cubes.js';
import type { Intent } from '../../../domain/traffic/routing.js';
import type { HoldWatch } from '../../../traffic/hold-watch.js';

/** Where requests wait for a hold to end, up to `max` at a time. Each request has its own time limit. */
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

  /** Calls back when no hold applies any more, unless the request has left before. Null when the room is full. */
  enter(name: TrafficName, intent: Intent, onLifted: () => void): Waiting | null {
    if (this.taken >= this.max) return null;
    this.taken++;
    const waiting = new Waiting(() => this.taken--);
    void this.wait(waiting, name, intent, onLifted);
    return waiting;
  }

  private async wait(waiting: Waiting, name: TrafficName, intent: Intent, onLifted: () => void): Promise<void> {
    // A hold may follow another without a gap.
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

  /** Frees the place, once. */
  leave(): void {
    if (this.over) return;
    this.over = true;
    this.free();
  }
}
