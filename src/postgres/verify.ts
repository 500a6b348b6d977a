import type { ReachCrashPoint } from '../crash-points.js';
import { inTransaction } from './connect.js';
import { atSide, type Databases } from './databases.js';
import { fieldMismatches } from './field-comparison.js';
import { greatestKey } from './key-space.js';
import type { OperationClaim } from './ledger/operations.js';
import type { FindRangeEnd } from './ledger/ranges.js';
import { unresolvedRejectIds } from './ledger/rejects.js';
import { type ComparedRange, readVerification, recordComparedRange } from './ledger/verifications.js';
import { compareRange, differingRows, type Span } from './range-comparison.js';
import { missingRejects } from './reject-recheck.js';
import type { RowMapping } from './row-mapping.js';

export interface VerifyContext {
  readonly databases: Databases;
  readonly mapping: RowMapping;
  readonly migrationId: string;
  readonly verificationId: string;
  readonly claim: OperationClaim;
  readonly findRangeEnd: FindRangeEnd;
  /** Return after about this long, so that the plan hears from its step. */
  readonly roundMillis: number;
  readonly signal: AbortSignal;
  readonly onRange: (compared: { position: bigint; rows: number }) => void;
  readonly reach: ReachCrashPoint;
}

export type VerifyOutcome = 'finished' | 'round_over' | 'stopped';

/** Mismatches whose fields and values are kept; past that rows are only counted. */
const mostDetailedRows = 1000;

/**
 * Compares every row of both databases, range by range, from where the ledger says the comparison stands, and commits
 * each range's result. The ranges cover the whole key space of both sides, so that a row that only one side has is
 * found wherever it is. Two ranges are under way at a time, so that neither database waits for the other.
 */
export async function verifyRanges(context: VerifyContext): Promise<VerifyOutcome> {
  const { databases, verificationId, signal } = context;
  const roundEnd = performance.now() + context.roundMillis;
  const { frontier } = await atSide('cube', () => readVerification(databases.cube, verificationId));
  let next: bigint | undefined = frontier;
  let detailed = 0;
  const underWay: Promise<ComparedRange>[] = [];
  try {
    while (next !== undefined || underWay.length > 0) {
      const enough = signal.aborted || performance.now() >= roundEnd;
      if (next !== undefined && next < greatestKey && underWay.length < 2 && !enough) {
        const span: Span = { after: next, upto: (await context.findRangeEnd(next)) ?? greatestKey };
        const comparison = compareWhole(context, span, mostDetailedRows - detailed);
        // Waited for in its turn; one that fails while another is waited for must not end the process.
        comparison.catch(() => undefined);
        underWay.push(comparison);
        next = span.upto === greatestKey ? undefined : span.upto;
        continue;
      }
      const result = await underWay.shift();
      if (result === undefined)
        return signal.aborted ? 'stopped' : next === undefined || next >= greatestKey ? 'finished' : 'round_over';
      await recordRange(context, result);
      detailed += result.mismatches.length;
    }
    return 'finished';
  } finally {
    await Promise.allSettled(underWay);
  }
}

async function recordRange(context: VerifyContext, range: ComparedRange): Promise<void> {
  context.reach('before-range-verified');
  await atSide('cube', () =>
    inTransaction(context.databases.cube, async (client) => {
      // A pooled session has no claim's name to be ended by: frozen here, it must not hold the run's row for longer.
      await client.query("set local idle_in_transaction_session_timeout = '15s'");
      await recordComparedRange(client, context.claim, context.verificationId, range);
    }),
  );
  context.reach('after-range-verified');
  context.onRange({ position: range.upto, rows: range.sourceRows });
}

async function compareWhole(context: VerifyContext, span: Span, details: number): Promise<ComparedRange> {
  const { databases, mapping, migrationId } = context;
  const rejected = await atSide('cube', () => unresolvedRejectIds(databases.cube, migrationId, span.after, span.upto));
  const [comparison, vanished] = await Promise.all([
    compareRange(databases, mapping, span, rejected),
    missingRejects(databases, mapping, rejected),
  ]);
  const base = { ...span, ...comparison, rejectedRows: rejected.length - vanished.length };
  const goneRejects = vanished.map((sourceId) => ({
    sourceId,
    field: 'rejected row',
    sourceValue: null,
    targetValue: null,
  }));
  if (comparison.equal) return { ...base, mismatched: vanished.length, mismatches: goneRejects };
  const differences = await differingRows(databases, mapping, span, rejected);
  const shown = differences.slice(0, Math.max(0, details));
  // A rejected row must not be in the target at all: that its fields may equal the source's is no excuse.
  const isRejected = new Set(rejected);
  const misplaced = shown
    .filter((row) => isRejected.has(row.id))
    .map((row) => ({ sourceId: row.id, field: 'extra row', sourceValue: null, targetValue: null }));
  const others = shown.filter((row) => !isRejected.has(row.id));
  const { mismatches, equalAfterAll } = await fieldMismatches(databases, mapping, others);
  return {
    ...base,
    mismatched: differences.length - equalAfterAll + vanished.length,
    mismatches: [...mismatches, ...misplaced, ...goneRejects],
  };
}
