import type { BatchEntry } from '../../../postgres/ledger/batches.js';
import { IdRuns } from '../../../postgres/ledger/id-multirange.js';
import type { RejectEntry } from '../../../postgres/ledger/rejects.js';
import type { WithheldEntry } from '../../../postgres/ledger/withheld.js';
import type { ConvertedRow, WithheldRow } from '../row-mapping.js';

export interface BatchLimits {
  readonly batchRows: number;
  readonly batchBytes: number;
}

/** Keeps account of the rows of one transaction, batch by batch: what the ledger records when it commits. */
export class BatchLog {
  readonly batches: BatchEntry[] = [];
  readonly rejects: RejectEntry[] = [];
  readonly withheld: WithheldEntry[] = [];
  private readonly runs = new IdRuns();
  private migrated = 0;
  private rejected = 0;
  private warned = 0;
  private bytes = 0;
  private last: bigint;

  constructor(
    private after: bigint,
    private readonly limits: BatchLimits,
  ) {
    this.last = after;
  }

  add(row: ConvertedRow | WithheldRow): void {
    this.last = row.id;
    if (row.kind === 'row') {
      this.runs.add(row.id);
      this.migrated++;
      this.bytes += row.bytes.length;
      if (row.warned) this.warned++;
    } else if (row.kind === 'withheld') {
      this.withheld.push({ sourceId: row.id, parentId: row.parentId, reject: row.reject });
      this.rejected++;
    } else {
      this.reject({ sourceId: row.id, reason: row.reason, detail: row.detail, payload: row.payload });
    }
    if (this.migrated + this.rejected >= this.limits.batchRows || this.bytes >= this.limits.batchBytes)
      this.close(row.id);
  }

  reject(entry: RejectEntry): void {
    this.last = entry.sourceId;
    this.rejects.push(entry);
    this.rejected++;
    this.bytes += Buffer.byteLength(entry.payload);
  }

  /** Closes the last batch; `upto` is the end of what was read, rows or no rows. */
  close(upto: bigint = this.last): void {
    this.last = upto;
    if (this.migrated + this.rejected > 0) {
      const { after, migrated, rejected, warned, bytes } = this;
      this.batches.push({ after, upto, migrated, rejected, warned, bytes, ids: this.runs.take() });
    }
    this.after = upto;
    this.migrated = 0;
    this.rejected = 0;
    this.warned = 0;
    this.bytes = 0;
  }

  /** Sums over the closed batches. */
  get totals(): { migrated: number; rejected: number } {
    const sum = (field: 'migrated' | 'rejected') => this.batches.reduce((total, batch) => total + batch[field], 0);
    return { migrated: sum('migrated'), rejected: sum('rejected') };
  }

  /** The last id that was read. */
  get position(): bigint {
    return this.last;
  }
}
