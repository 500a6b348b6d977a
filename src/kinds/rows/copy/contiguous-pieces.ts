/** Puts rows that lie one behind the other in memory together as one, so that none is copied to be sent. */
export class Pieces {
  length = 0;
  private readonly closed: Buffer[] = [];
  private last: Buffer | undefined;
  private lastEnd = 0;

  add(row: Buffer): void {
    const { last } = this;
    this.length += row.length;
    if (last !== undefined && row.buffer === last.buffer && row.byteOffset === this.lastEnd) {
      this.lastEnd += row.length;
      return;
    }
    this.close();
    this.last = row;
    this.lastEnd = row.byteOffset + row.length;
  }

  /** All pieces in their order; the collection goes on empty. */
  take(): Buffer[] {
    this.close();
    this.length = 0;
    return this.closed.splice(0);
  }

  private close(): void {
    const { last } = this;
    if (last !== undefined) this.closed.push(Buffer.from(last.buffer, last.byteOffset, this.lastEnd - last.byteOffset));
    this.last = undefined;
  }
}
