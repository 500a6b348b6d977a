import { type Batch, haveEqualRows, joinBatches, sliceBatch } from '../domain/models/tensors.js';
import { RunFailure } from './run-failure.js';

export interface BatcherOptions {
  readonly run: (batch: Batch) => Promise<Batch>;
  /** Whether rows of several requests may be computed together. */
  readonly joinsRows: boolean;
  /** Of what is computed together; a larger batch is computed on its own. */
  readonly maxRows: number;
  /** How long a request may wait for others that it is likely to be computed with. */
  readonly waitMillis: number;
  readonly onBatch: (rows: number) => void;
}

interface WaitingBatch {
  readonly batch: Batch;
  readonly deadline: number;
  readonly resolve: (outputs: Batch) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The requests that wait for a model, in the order in which they came. It joins what several of them want computed at the same time. A
 * model that is idle begins at once with a single request; only where the last computation had several does the first of the next wait
 * for as many. Requests that come while the model computes are computed together next. Where the model refuses the inputs of one
 * request, the others are computed without it.
 */
export class Batcher {
  private waiting: WaitingBatch[] = [];
  private running = 0;
  private expected = 1;
  private timer: NodeJS.Timeout | undefined;
  private readonly maxRunning: number;

  constructor(private readonly options: BatcherOptions) {
    // What is not computed together is sent while the model computes what is before it.
    this.maxRunning = options.joinsRows ? 1 : 2;
  }

  /** Throws `RunFailure`: `overdue` for what the model does not begin before the deadline, of the clock of `performance.now`. */
  submit(batch: Batch, deadline = Number.POSITIVE_INFINITY): Promise<Batch> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ batch, deadline, resolve, reject });
      this.beginOrWait();
    });
  }

  private beginOrWait(): void {
    if (this.running >= this.maxRunning || this.waiting.length === 0) return;
    if (this.waiting.length >= this.expected) {
      this.begin();
      return;
    }
    this.timer ??= setTimeout(() => this.begin(), this.options.waitMillis);
  }

  private begin(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.refuseOverdue();
    const together = this.takeNext();
    if (together.length === 0) return;
    this.running += 1;
    this.expected = together.length;
    void this.compute(together).finally(() => {
      this.running -= 1;
      this.beginOrWait();
    });
  }

  private refuseOverdue(): void {
    const now = performance.now();
    const isOverdue = ({ deadline }: WaitingBatch) => deadline <= now;
    if (!this.waiting.some(isOverdue)) return;
    for (const { reject } of this.waiting.filter(isOverdue))
      reject(new RunFailure('overdue', 'The prediction was not begun in time.'));
    this.waiting = this.waiting.filter((one) => !isOverdue(one));
  }

  /** The requests that were first, as many as fit into one batch. */
  private takeNext(): readonly WaitingBatch[] {
    let rows = 0;
    const [first] = this.waiting;
    let count = 0;
    for (const { batch } of this.waiting) {
      rows += batch.rows;
      const isTooMuch = !this.options.joinsRows || rows > this.options.maxRows;
      if (first === undefined || (count > 0 && (isTooMuch || !haveEqualRows(first.batch, batch)))) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async compute(together: readonly WaitingBatch[]): Promise<void> {
    try {
      const outputs = await this.runOne(joinBatches(together.map(({ batch }) => batch)));
      let from = 0;
      for (const { batch, resolve } of together) {
        resolve(sliceBatch(outputs, from, from + batch.rows));
        from += batch.rows;
      }
    } catch (error) {
      if (together.length > 1 && error instanceof RunFailure && error.kind === 'refused')
        await this.computeApart(together);
      else for (const { reject } of together) reject(error);
    }
  }

  private async computeApart(together: readonly WaitingBatch[]): Promise<void> {
    for (const { batch, resolve, reject } of together) await this.runOne(batch).then(resolve, reject);
  }

  private runOne(batch: Batch): Promise<Batch> {
    this.options.onBatch(batch.rows);
    return this.options.run(batch);
  }
}
