/** An item of `OpenExchanges`, which sets its `index`; −1 outside. */
interface Indexed {
  index: number;
}

/** A request in flight, for the sweep of time limits. */
export interface OpenExchange extends Indexed {
  /** Called a few times a second: ends the exchange after its deadline. */
  checkDeadline(now: number): void;
  /** Ends the exchange now, in any phase. */
  abort(): void;
}

/**
 * A list with removal in constant time. Not a Set: with constant additions and deletions it leaves tables behind that keep their
 * former items reachable, each table the next, until a full garbage collection.
 */
export class OpenExchanges<Item extends Indexed> {
  private readonly items: Item[] = [];

  get size(): number {
    return this.items.length;
  }

  add(item: Item): void {
    item.index = this.items.length;
    this.items.push(item);
  }

  delete(item: Item): void {
    const last = this.items[this.items.length - 1];
    if (item.index === -1 || last === undefined) return;
    this.items[item.index] = last;
    last.index = item.index;
    this.items.length--;
    item.index = -1;
  }

  /** A copy of the list, since items may be removed during iteration. */
  toArray(): readonly Item[] {
    return this.items.slice();
  }
}
