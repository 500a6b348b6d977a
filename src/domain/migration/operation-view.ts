/** What a retry of rejects or a repair did: counted by outcome, and in a sentence. */

/** What became of the rejects that a retry tried. */
export interface RetryCounts {
  readonly tried: number;
  readonly moved: number;
  /** Rejected still, for the same reason; until the retry has finished also those that it has not tried yet. */
  readonly as_before: number;
  /** Rejected still, for another reason. */
  readonly other_reason: number;
  /** Legacy no longer has the row. */
  readonly gone: number;
  /** The row's parent is rejected by now, and the row follows it. */
  readonly following: number;
  /** Rows of child tables that were moved after the reject that they followed. */
  readonly children_moved: number;
  /** Rows of child tables that became rejects themselves when the reject that they followed was moved. */
  readonly children_rejected: number;
}

/** What a repair changed, by kind of difference. */
export interface RepairCounts {
  /** Rows that the cube lacked. */
  readonly missing: number;
  /** Rows with another value in at least one field. */
  readonly different: number;
  /** Rows of the cube that legacy does not have. */
  readonly extra: number;
  /** Ids that one side had more than once. */
  readonly repeated: number;
  /** Rows of the cube that the ledger did not know. */
  readonly unrecorded: number;
  /** Ids that the ledger knew as moved, and that the cube did not have. */
  readonly absent: number;
  /** Of all these, rows of the cube that no run had put there: kept in the ledger, where a rollback finds them. */
  readonly set_aside: number;
  /** Of all these, rows of legacy that cannot be moved: they are rejects now. */
  readonly rejected: number;
  /** Rejects that could be moved after all. */
  readonly rejects_moved: number;
  /** Rejects of which legacy no longer has the row. */
  readonly rejects_gone: number;
  /** Rows of child tables that were moved, since what they followed is no reject any more. */
  readonly children_moved: number;
  /** Rows of child tables that were taken out, since their parent is a reject now. */
  readonly children_withheld: number;
  /** Rows of child tables that became rejects themselves, since what they followed is no reject any more. */
  readonly children_rejected: number;
  /** Rows of child tables that had followed a reject and that legacy no longer has. */
  readonly children_gone: number;
}

/** The last retry or repair of a run. */
export interface OperationView {
  readonly action: 'rejects/retry' | 'repair';
  /** Who sent the command. */
  readonly by: string;
  readonly started_at: string;
  /** Null while it works, or when it was ended before it had done everything. */
  readonly finished_at: string | null;
  /** Of a retry. */
  readonly retried: RetryCounts | null;
  /** Of a repair. */
  readonly repaired: RepairCounts | null;
  readonly summary: string;
}

/** What a transaction of an operation counts; the ledger keeps the sum of each. */
export type OperationOutcome = Exclude<keyof RetryCounts, 'as_before'> | keyof RepairCounts;
export type OutcomeCounts = { readonly [Outcome in OperationOutcome]?: number };

/** The view of an operation with these counts. */
export function operationView(
  operation: Pick<OperationView, 'action' | 'by' | 'started_at' | 'finished_at'>,
  counts: OutcomeCounts,
): OperationView {
  const { action, by, started_at, finished_at } = operation;
  const isFinished = finished_at !== null;
  const retried = action === 'rejects/retry' ? retryCounts(counts) : null;
  const repaired = action === 'repair' ? repairCounts(counts) : null;
  const summary =
    retried === null ? describeRepair(repairCounts(counts), isFinished) : describeRetry(retried, isFinished);
  return { action, by, started_at, finished_at, retried, repaired, summary };
}

function retryCounts(counts: OutcomeCounts): RetryCounts {
  const { tried = 0, moved = 0, other_reason = 0, gone = 0, following = 0 } = counts;
  return {
    tried,
    moved,
    as_before: Math.max(0, tried - moved - other_reason - gone - following),
    other_reason,
    gone,
    following,
    children_moved: counts.children_moved ?? 0,
    children_rejected: counts.children_rejected ?? 0,
  };
}

function repairCounts(counts: OutcomeCounts): RepairCounts {
  return {
    missing: counts.missing ?? 0,
    different: counts.different ?? 0,
    extra: counts.extra ?? 0,
    repeated: counts.repeated ?? 0,
    unrecorded: counts.unrecorded ?? 0,
    absent: counts.absent ?? 0,
    set_aside: counts.set_aside ?? 0,
    rejected: counts.rejected ?? 0,
    rejects_moved: counts.rejects_moved ?? 0,
    rejects_gone: counts.rejects_gone ?? 0,
    children_moved: counts.children_moved ?? 0,
    children_withheld: counts.children_withheld ?? 0,
    children_rejected: counts.children_rejected ?? 0,
    children_gone: counts.children_gone ?? 0,
  };
}

function describeRetry(counts: RetryCounts, isFinished: boolean): string {
  const went = `${number(counts.moved)} of ${number(counts.tried)} rejects went through`;
  const parts = [
    isFinished ? `${went}, ${number(counts.as_before)} as before` : `${went} so far`,
    ...some(counts.other_reason, 'rejected for another reason'),
    ...some(counts.gone, 'no longer in legacy'),
    ...some(counts.following, 'behind a parent that is rejected now'),
  ];
  const children = [
    ...some(counts.children_moved, 'moved'),
    ...some(counts.children_rejected, 'rejected by themselves'),
  ];
  const followers = children.length === 0 ? '' : ` Of the rows that followed them: ${children.join(', ')}.`;
  return `${parts.join(', ')}.${followers}`;
}

function describeRepair(counts: RepairCounts, isFinished: boolean): string {
  const parts = [
    ...some(counts.missing, 'missing'),
    ...some(counts.different, 'different'),
    ...some(counts.extra, 'extra'),
    ...some(counts.repeated, 'with an id that was there twice'),
    ...some(counts.unrecorded, 'that the ledger did not know'),
    ...some(counts.absent, 'that the ledger knew and the cube did not have'),
    ...some(counts.rejects_moved, 'that had been rejected'),
    ...some(counts.rejects_gone, 'that had been rejected and that legacy no longer has'),
    ...some(counts.children_moved, 'that had followed a reject'),
    ...some(counts.children_withheld, 'that follow a reject now'),
    ...some(counts.children_rejected, 'that had followed a reject and became rejects'),
    ...some(counts.children_gone, 'that had followed a reject and that legacy no longer has'),
  ];
  const end = isFinished ? '' : ' so far';
  if (parts.length === 0) return `No row was repaired${end}.`;
  const notes = [
    ...some(counts.rejected, 'of them cannot be moved and became rejects'),
    ...some(counts.set_aside, 'rows that no run had put there were set aside in the ledger'),
  ];
  return [`Rows repaired${end}: ${parts.join(', ')}`, ...notes].map((sentence) => `${sentence}.`).join(' ');
}

function some(count: number, what: string): readonly string[] {
  return count === 0 ? [] : [`${number(count)} ${what}`];
}

function number(count: number): string {
  return count.toLocaleString('en-US');
}
