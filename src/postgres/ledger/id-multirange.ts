import { maxKey } from '../../domain/migration/key-range.js';

/** Builds the text of an int8multirange from ascending ids; neighbours become one run. */
export class IdRuns {
  private readonly runs: string[] = [];
  private first: bigint | undefined;
  private last: bigint | undefined;

  add(id: bigint): void {
    if (this.last !== undefined && id === this.last + 1n) {
      this.last = id;
      return;
    }
    this.close();
    this.first = id;
    this.last = id;
  }

  /** The text so far; the collection is empty afterwards. */
  take(): string {
    this.close();
    const text = `{${this.runs.join(',')}}`;
    this.runs.length = 0;
    return text;
  }

  private close(): void {
    if (this.first !== undefined && this.last !== undefined) {
      // PostgreSQL turns an inclusive bound into its successor, which the greatest bigint does not have.
      this.runs.push(this.last === maxKey ? `[${this.first},)` : `[${this.first},${this.last}]`);
    }
    this.first = undefined;
    this.last = undefined;
  }
}

/** The text of an int8multirange that holds these ids, which are ascending. */
export function multirangeOf(ids: readonly bigint[]): string {
  const runs = new IdRuns();
  for (const id of ids) runs.add(id);
  return runs.take();
}
