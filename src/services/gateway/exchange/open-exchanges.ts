/** What can be in an `OpenExchanges`; `place` is that list's own, −1 outside. */
interface Indexed {
  index: number;
}

/** A request under way, as who watches over time limits sees it. */
export interface OpenExchange extends Indexed {
  /** Called a few times a second: ends what takes too long. */
  checkDeadline(now: number): void;
  /** Ends it now, whatever it is at. */
  abort(): void;
}

/**
 * A list from which anything is taken in constant time. Not a Set: one that is added to and deleted from all the time leaves
 * tables behind that hold on to what was in them, and each of them to the next, until a full garbage collection.
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

  /** Those that are in it now; they may leave it meanwhile. */
  toArray(): readonly Item[] {
    return this.items.slice();
  }
}
