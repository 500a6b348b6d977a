import type pg from 'pg';
import type { ReachCrashPoint } from '../../../base/crash-points.js';
import { type Databases, dropConnection } from '../../../postgres/databases.js';
import { type BatchOrigin, logBatches } from '../../../postgres/ledger/batches.js';
import { advanceRange, type ClaimedRange } from '../../../postgres/ledger/ranges.js';
import { recordRejects } from '../../../postgres/ledger/rejects.js';
import { recordWithheld, releaseWithheldBetween } from '../../../postgres/ledger/withheld.js';
import type { ContentAccess } from '../../contents/row-contents.js';
import type { ItemsOfRows } from '../../items-of-rows.js';
import { LeftOutParents } from '../left-out-parents.js';
import type { ConvertedRow, RowMapping, WithheldRow } from '../row-mapping.js';
import { BatchLog } from './batch-log.js';
import { RowDataError, readConverted, TargetTransaction, timeOfMove } from './transfer.js';

export interface CopySettings {
  readonly batchRows: number;
  readonly batchBytes: number;
  /** A transaction commits after this many rows … */
  readonly commitRows: number;
  /** … or this many bytes … */
  readonly commitBytes: number;
  /** … or this many milliseconds, whichever comes first. */
  readonly commitMillis: number;
}

/** What a lane has committed since its last report. */
export interface Committed {
  readonly position: bigint;
  readonly migrated: number;
  readonly rejected: number;
}

export interface CopyContext {
  readonly databases: Databases;
  readonly mapping: RowMapping;
  readonly settings: CopySettings;
  readonly migrationId: string;
  readonly worker: string;
  /** Aborted: commit what is there and stop. */
  readonly signal: AbortSignal;
  /** Waits as long as the speed limits require after `rows` more rows. */
  readonly pace: (rows: number) => Promise<void>;
  readonly onCommit: (committed: Committed) => void;
  readonly reach: ReachCrashPoint;
  readonly itemsOfRows: ItemsOfRows;
  /** Of the contents of a table whose rows name files. */
  readonly contentAccess: ContentAccess;
}

/**
 * Copies a claimed range from its position on, transaction by transaction: rows, rejects, batches and the new position
 * commit together. Returns when the range is done or `signal` is aborted; either way everything reported to `onCommit` is
 * there to stay. A row that the target refuses is found by halving the transaction, and becomes a reject.
 * `writer` must carry the claim's session name.
 */
export async function copyRange(context: CopyContext, range: ClaimedRange, writer: pg.Client): Promise<void> {
  const progress: Progress = { position: range.position, rowLimit: context.settings.commitRows };
  const parents = await LeftOutParents.load(context.databases, context.migrationId, context.mapping);
  while (progress.position < range.upto && !context.signal.aborted) {
    await copyUntilRowDataError(context, range, writer, progress, parents);
  }
}

/** The position in a range, and how many rows the next transaction may take. */
interface Progress {
  position: bigint;
  rowLimit: number;
}

/** One pass over the rest of the range; ends early at a refusal, with the row limit halved, or when stopped. */
async function copyUntilRowDataError(
  context: CopyContext,
  range: ClaimedRange,
  writer: pg.Client,
  progress: Progress,
  parents: LeftOutParents | undefined,
): Promise<void> {
  const { databases, mapping, signal } = context;
  const reader = await databases.connect('legacy', `cubeshift copy ${context.migrationId}`);
  // A read that hangs would outlast a pause: with its connection gone the loop below ends.
  const giveUp = () => setTimeout(() => void dropConnection(reader), stopGraceMillis).unref();
  signal.addEventListener('abort', giveUp, { once: true });
  let chunk: Chunk | undefined;
  try {
    const movedAt = await timeOfMove(writer);
    chunk = await Chunk.begin(context, range, writer, progress);
    const span = { kind: 'span', after: progress.position, upto: range.upto } as const;
    const rows = readConverted(reader, mapping, span, movedAt, parents);
    for await (const group of rows) {
      for (const row of group) {
        chunk.add(row);
        if (chunk.full) {
          await chunk.commit(chunk.position);
          // A range that is done has no owner any more: one more commit would find its claim gone.
          if (signal.aborted || progress.position >= range.upto) return;
          chunk = await Chunk.begin(context, range, writer, progress);
        }
      }
      await chunk.flush();
      await context.pace(group.length);
      if (signal.aborted) {
        await chunk.commit(chunk.position);
        return;
      }
    }
    await chunk.commit(range.upto);
  } catch (error) {
    await chunk?.abandon();
    if (error instanceof RowDataError && chunk !== undefined) await chunk.halveOrReject(error);
    else if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
    await dropConnection(reader);
  }
}

const stopGraceMillis = 700;

/** One target transaction of a range. */
class Chunk {
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

/** Within the transaction of the rows: what the ledger says of those in (from, position]. Throws `claim_lost`. */
export async function recordChunk(
  client: pg.ClientBase,
  { migrationId, worker, mapping, reach }: CopyContext,
  range: ClaimedRange,
  from: bigint,
  position: bigint,
  log: BatchLog,
): Promise<void> {
  const { kind, table } = mapping;
  const origin: BatchOrigin = 'copied';
  await advanceRange(client, range, position);
  await logBatches(
    client,
    { migrationId, kind, table, worker, token: range.token, rangeId: range.id, origin },
    log.batches,
  );
  await recordRejects(client, migrationId, table, log.rejects);
  if (mapping.parent !== undefined) {
    // A repair ahead of the copy may have withheld what is moved now.
    await releaseWithheldBetween(client, migrationId, table, from, position);
    await recordWithheld(client, migrationId, table, log.withheld);
  }
  reach('before-chunk-commit');
}

/** How the ledger words a refusal: the SQLSTATE and the constraint, never the server's text, which may quote the row. */
export function refusedByTarget(refusal: RowDataError): { reason: string; detail: string } {
  const constraint = refusal.constraint === undefined ? '' : `, constraint ${refusal.constraint}`;
  return { reason: 'refused_by_target', detail: `SQLSTATE ${refusal.sqlState}${constraint}` };
}

export function payloadOf(mapping: RowMapping, row: ConvertedRow): string {
  return row.kind === 'reject' ? row.payload : mapping.payload(row.source);
}
