import type { ReachCrashPoint } from '../../../base/crash-points.js';
import { maxKey } from '../../../domain/migration/key-range.js';
import type { SpanAsOf } from '../../../domain/migration/range-comparison.js';
import { inTransaction } from '../../../postgres/connect.js';
import { atSide, type Databases } from '../../../postgres/databases.js';
import type { OperationClaim } from '../../../postgres/ledger/operations.js';
import { readHorizon } from '../../../postgres/ledger/pass-horizons.js';
import {
  type ComparedRange,
  type MismatchEntry,
  readVerifiedFrontier,
  recordComparedRange,
} from '../../../postgres/ledger/verifications.js';
import { LeftOutParents } from '../left-out-parents.js';
import { nearerRangeEnds, rangeEnds } from '../range-ends.js';
import type { RowMapping, RowTables } from '../row-mapping.js';
import { fieldMismatches } from './field-comparison.js';
import { rowsLeftOut, without } from './left-out.js';
import { compareRange, differingRows } from './range-comparison.js';
import { recheckRejects } from './reject-recheck.js';

export interface VerifyContext {
  readonly databases: Databases;
  readonly tables: RowTables;
  readonly migrationId: string;
  readonly verificationId: string;
  readonly claim: OperationClaim;
  /** Rows of either side that a range holds at most. */
  readonly rangeRows: number;
  /** Return after about this long, and no less than one range, so that the plan hears from its step. */
  readonly roundMillis: number;
  readonly signal: AbortSignal;
  readonly onRange: (compared: { position: bigint; rows: number }) => void;
  /** Called after a comparison that puts nothing on record. */
  readonly onUnrecorded: (round: { position: bigint }) => void;
  readonly reach: ReachCrashPoint;
}

export type VerifyOutcome = 'finished' | 'round_over' | 'stopped';

/** Mismatches whose fields and values are kept; past that rows are only counted. */
const maxDetailedRows = 1000;

/**
 * Compares every row of both databases, table by table and range by range, from where the ledger says the comparison is,
 * and commits each range's result. The ranges cover the whole key space of both sides, so that a row that only one side has
 * is found wherever it is, and hold no more than `rangeRows` of either, whatever one side has lost. Two ranges are under way
 * at a time, so that neither database waits for the other.
 *
 * Ranges are cut by legacy's index alone, as walking the target's, just filled and not vacuumed, costs a sixth of the
 * whole comparison. One that turns out to hold more of the target's rows is taken in pieces of both.
 */
export async function verifyTables(context: VerifyContext): Promise<VerifyOutcome> {
  const round: Round = { end: performance.now() + context.roundMillis, recorded: 0, detailed: 0 };
  for (const mapping of context.tables) {
    const parents = await LeftOutParents.load(context.databases, context.migrationId, mapping);
    const outcome = await verifyTable({ ...context, mapping, parents }, round);
    if (outcome !== 'finished') return outcome;
  }
  return 'finished';
}

interface TableContext extends VerifyContext {
  readonly mapping: RowMapping;
  readonly parents: LeftOutParents | undefined;
}

/** What a round has come to, over all tables. */
interface Round {
  readonly end: number;
  recorded: number;
  detailed: number;
}

async function verifyTable(context: TableContext, round: Round): Promise<VerifyOutcome> {
  const { databases, mapping, rangeRows, verificationId, signal } = context;
  const endInLegacy = rangeEnds(databases, mapping, 'legacy', rangeRows);
  const nearerEnd = nearerRangeEnds(databases, mapping, rangeRows);
  const horizon = await atSide('cube', () => readHorizon(databases.cube, context.migrationId, mapping.table));
  const frontier = await atSide('cube', () => readVerifiedFrontier(databases.cube, verificationId, mapping.table));
  let next: bigint | undefined = frontier;
  /** Up to here the target has more rows than legacy's index lets expect: both indexes are walked. */
  let crowdedUpto = frontier;
  const underWay: { readonly span: SpanAsOf; readonly comparison: Promise<ComparedRange | undefined> }[] = [];
  try {
    while (next !== undefined || underWay.length > 0) {
      // A round without anything to show would be followed by the same again.
      const enough = signal.aborted || (round.recorded > 0 && performance.now() >= round.end);
      if (next !== undefined && next < maxKey && underWay.length < 2 && !enough) {
        const isCrowded = next < crowdedUpto;
        const upto: bigint = (await (isCrowded ? nearerEnd : endInLegacy)(next)) ?? maxKey;
        const span: SpanAsOf = { after: next, upto, horizon };
        const maxTargetRows = isCrowded ? null : rangeRows;
        const comparison = compareWhole(context, span, maxDetailedRows - round.detailed, maxTargetRows);
        // Waited for in its turn; one that fails while another is waited for must not end the process.
        comparison.catch(() => undefined);
        underWay.push({ span, comparison });
        next = upto === maxKey ? undefined : upto;
        continue;
      }
      const first = underWay.shift();
      if (first === undefined)
        return signal.aborted ? 'stopped' : next === undefined || next >= maxKey ? 'finished' : 'round_over';
      const result = await first.comparison;
      if (result === undefined) {
        await Promise.allSettled(underWay.splice(0).map(({ comparison }) => comparison));
        crowdedUpto = first.span.upto;
        next = first.span.after;
        context.onUnrecorded({ position: first.span.after });
        continue;
      }
      await recordRange(context, result);
      round.recorded++;
      round.detailed += result.mismatches.length;
    }
    return 'finished';
  } finally {
    await Promise.allSettled(underWay.map(({ comparison }) => comparison));
  }
}

async function recordRange(context: TableContext, range: ComparedRange): Promise<void> {
  context.reach('before-range-verified');
  await atSide('cube', () =>
    inTransaction(context.databases.cube, async (client) => {
      // A pooled session has no claim's name to be ended by: frozen here, it must not hold the run's row for longer.
      await client.query("set local idle_in_transaction_session_timeout = '15s'");
      await recordComparedRange(client, context.claim, context.verificationId, context.mapping.table, range);
    }),
  );
  context.reach('after-range-verified');
  context.onRange({ position: range.upto, rows: range.sourceRows });
}

/** How often a span is read whole: what differs between two reads may have been changed in between, but not every time. */
const maxWholeReads = 3;

/**
 * Equal is only what a whole read of both sides finds equal. A difference of which the rows, compared one by one, show
 * nothing is read whole again; one that stays is reported as it is. Undefined when the target has more rows in the span than
 * `maxTargetRows` (null: as many as there are).
 */
async function compareWhole(
  context: TableContext,
  span: SpanAsOf,
  details: number,
  maxTargetRows: number | null,
): Promise<ComparedRange | undefined> {
  for (let reads = 1; ; reads++) {
    const compared = await readWhole(context, span, details, maxTargetRows);
    if (compared === undefined || compared.equal || compared.mismatched > 0) return compared;
    if (reads === maxWholeReads) return { ...compared, mismatched: 1 };
  }
}

async function readWhole(
  context: TableContext,
  span: SpanAsOf,
  details: number,
  maxTargetRows: number | null,
): Promise<ComparedRange | undefined> {
  const { databases, mapping, migrationId, parents } = context;
  const leftOut = await rowsLeftOut(databases, migrationId, mapping, span, parents);
  const { rejected, following, withheld } = leftOut;
  const [comparison, rechecked, recheckedWithheld] = await Promise.all([
    compareRange(databases, mapping, span, leftOut.ids, maxTargetRows === null ? null : maxTargetRows + 1),
    recheckRejects(databases, mapping, rejected),
    recheckRejects(databases, mapping, without(withheld, following)),
  ]);
  if (maxTargetRows !== null && comparison.targetRows > maxTargetRows) return undefined;
  const base = {
    after: span.after,
    upto: span.upto,
    ...comparison,
    rejectedRows: rejected.length - rechecked.missing.length + following.length,
  };
  const unrecorded = without(following, withheld);
  const wrongRejects = [
    ...named(rechecked.missing, 'rejected row'),
    ...named(rechecked.repeated, 'repeated id'),
    ...named(recheckedWithheld.missing, 'withheld row'),
  ];
  if (comparison.equal) {
    const wrong = [...wrongRejects, ...named(unrecorded, 'withheld row')];
    return { ...base, equal: wrong.length === 0, mismatched: wrong.length, mismatches: wrong };
  }
  const reported = new Set(rechecked.repeated);
  const differences = (await differingRows(databases, mapping, span, leftOut.ids)).filter(
    ({ id }) => !reported.has(id),
  );
  const shown = differences.slice(0, Math.max(0, details));
  // A row that is left out must not be in the target at all: that its fields may equal the source's is no excuse.
  const isLeftOut = new Set(leftOut.ids);
  const repeated = shown.filter((row) => row.kind === 'repeated').map((row) => row.id);
  const single = shown.filter((row) => row.kind !== 'repeated');
  const misplaced = single.filter((row) => isLeftOut.has(row.id)).map((row) => row.id);
  const { mismatches, unfound } = await fieldMismatches(
    databases,
    mapping,
    single.filter((row) => !isLeftOut.has(row.id)),
  );
  const differing = differences.map(({ id }) => id);
  const wrong = [...wrongRejects, ...named(without(unrecorded, differing), 'withheld row')];
  return {
    ...base,
    mismatched: differences.length - unfound + wrong.length,
    mismatches: [...mismatches, ...named(misplaced, 'extra row'), ...named(repeated, 'repeated id'), ...wrong],
  };
}

/** Rows that are wrong as a whole. */
function named(ids: readonly bigint[], field: string): MismatchEntry[] {
  return ids.map((sourceId) => ({ sourceId, field, sourceValue: null, targetValue: null }));
}
