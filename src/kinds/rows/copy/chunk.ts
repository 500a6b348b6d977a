import type pg from 'pg';
import type { ClaimedRange } from '../../../postgres/ledger/ranges.js';
import type { ConvertedRow, WithheldRow } from '../row-mapping.js';
import { BatchLog } from './batch-log.js';
import type { CopyContext } from './copy-context.js';
import { recordChunk } from './record-chunk.js';
import { payloadOf, type RowDataError, refusedByTarget } from './refused-row.js';
import { TargetTransaction } from './target-transaction.js';

/** The position in a range, and how many rows the next transaction may take. */
export interface Progress {
  position: bigint;
  rowLimit: number;
}

/** One target transaction of a range. */
export class Chunk {
  private readonly log: BatchLog;
  private readonly begun = performance.now();
  private converted: Buffer[] = [];
  private rows = 0;
  private bytes = 0;
  private lastRow: ConvertedRow | WithheldRow | undefined;

  private constructor(
    private readonly context: CopyContext,
    private readonly range: ClaimedRange,
    private readonly writer: pg.Client,
    private readonly progress: Progress,
    private readonly transaction: TargetTransaction,
  ) {
    this.log = new BatchLog(progress.position, context.settings);
  }

  static async begin(context: CopyContext, range: ClaimedRange, writer: pg.Client, progress: Progress): Promise<Chunk> {
    const transaction = await TargetTransaction.begin(writer, context.mapping);
    return new Chunk(context, range, writer, progress, transaction);
  }

  get position(): bigint {
    return this.log.position;
  }

  get full(): boolean {
    const { commitBytes, commitMillis } = this.context.settings;
    return (
      this.rows >= this.progress.rowLimit ||
      this.bytes >= commitBytes ||
      // The clock is read every 256 rows: reading it for each row would cost more than the precision is worth.
      ((this.rows & 255) === 0 && performance.now() - this.begun >= commitMillis)
    );
  }

  add(row: ConvertedRow | WithheldRow): void {
    this.log.add(row);
    this.rows++;
    this.lastRow = row;
    if (row.kind === 'row') {
      this.converted.push(row.bytes);
      this.bytes += row.bytes.length;
    }
  }

  async flush(): Promise<void> {
    const { converted } = this;
    this.converted = [];
    await this.transaction.write(converted);
  }

  /** Commits rows and ledger together; `position` is the end of what was read. */
  async commit(position: bigint): Promise<void> {
    await this.flush();
    this.log.close(position);
    await this.transaction.commit((client) => this.recordInLedger(client, position));
    this.settled(position);
  }

  async abandon(): Promise<void> {
    await this.transaction.abandon();
  }

  /** After a refusal: the next transaction takes half as many rows; a single row that is refused becomes a reject. */
  async halveOrReject(refusal: RowDataError): Promise<void> {
    const { lastRow, rows } = this;
    if (rows > 1 || lastRow === undefined || lastRow.kind === 'withheld') {
      this.progress.rowLimit = Math.max(1, Math.floor(Math.min(rows, this.progress.rowLimit) / 2));
      return;
    }
    const log = new BatchLog(this.progress.position, this.context.settings);
    log.reject({
      sourceId: lastRow.id,
      ...refusedByTarget(refusal),
      payload: payloadOf(this.context.mapping, lastRow),
    });
    log.close(lastRow.id);
    const transaction = await TargetTransaction.begin(this.writer, this.context.mapping);
    await transaction.commit((client) => this.recordInLedger(client, lastRow.id, log));
    this.settled(lastRow.id, log);
  }

  private recordInLedger(client: pg.ClientBase, position: bigint, log: BatchLog = this.log): Promise<void> {
    return recordChunk(client, this.context, this.range, this.progress.position, position, log);
  }

  private settled(position: bigint, log: BatchLog = this.log): void {
    this.context.reach('after-chunk-commit');
    this.progress.position = position;
    this.progress.rowLimit = Math.min(this.context.settings.commitRows, this.progress.rowLimit * 2);
    this.context.onCommit({ position, ...log.totals });
  }
}
