import { passesRejectLimit } from '../../../domain/migration/reject-limit.js';
import { atSide, dropConnection } from '../../../postgres/databases.js';
import { claimRange, claimSessionName } from '../../../postgres/ledger/ranges.js';
import { countRejects, type RejectCounts } from '../../../postgres/ledger/rejects.js';
import { checkLedgerVersion } from '../../../postgres/ledger/schema.js';
import { adoptRange } from '../adopt/adopt-range.js';
import { nearerRangeEnds, rangeEnds } from '../range-ends.js';
import { type CopyContext, copyRange } from './copy-range.js';

export interface LaneSettings {
  readonly lane: number;
  /** Number of the run's state in which the lane was asked to copy. */
  readonly sequence: number;
  /** Source rows that a range holds at most; where it may adopt, target rows too. */
  readonly rangeRows: number;
  readonly rejectLimitPercent: number;
  /** Return after about this long, so that the plan hears from its lanes. */
  readonly roundMillis: number;
  /** Whether earlier runs of the kind left rows that this one may adopt. */
  readonly adopts: boolean;
}

/** Why a lane returned. */
export type LaneOutcome =
  | { readonly kind: 'source_exhausted' }
  | { readonly kind: 'round_over' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'too_many_rejects'; readonly rejects: RejectCounts; readonly processed: number };

/**
 * Claims ranges and copies them, one after the other, until the source is exhausted, the round is over, too many rows
 * are rejected or `context.signal` is aborted. May die at any instruction: the next call with the same lane goes on
 * from what the ledger holds.
 */
export async function runCopyLane(context: CopyContext, settings: LaneSettings): Promise<LaneOutcome> {
  const { databases, mapping, migrationId, worker, signal, reach } = context;
  const findRangeEnd = settings.adopts
    ? nearerRangeEnds(databases, mapping, settings.rangeRows)
    : rangeEnds(databases, mapping, 'legacy', settings.rangeRows);
  const roundEnd = performance.now() + settings.roundMillis;
  while (!signal.aborted) {
    if (performance.now() >= roundEnd) return { kind: 'round_over' };
    const excess = await atSide('cube', () => rejectExcess(context, settings.rejectLimitPercent));
    if (excess !== undefined) return excess;
    reach('before-claim');
    const range = await atSide('cube', async () => {
      await checkLedgerVersion(databases.cube);
      const { lane, sequence } = settings;
      return claimRange(databases.cube, { migrationId, sequence, lane, worker }, findRangeEnd);
    });
    if (range === undefined) return { kind: 'source_exhausted' };
    reach('after-claim');
    const writer = await databases.connect('cube', claimSessionName(range.token));
    try {
      // A worker frozen between two statements of a transaction must not hold its locks for ever.
      await atSide('cube', () => writer.query("set idle_in_transaction_session_timeout = '30s'"));
      if (settings.adopts && (await adoptRange(context, range, writer))) continue;
      await copyRange(context, range, writer);
    } finally {
      await dropConnection(writer);
    }
  }
  return { kind: 'stopped' };
}

async function rejectExcess(context: CopyContext, percent: number): Promise<LaneOutcome | undefined> {
  const { databases, migrationId } = context;
  const rejects = await countRejects(databases.cube, migrationId);
  if (rejects.open === 0) return undefined;
  const counts = await databases.cube.query<{ processed: string; estimated: string }>(
    `select coalesce((select sum(migrated + rejected) from ledger.batches where migration_id = $1), 0) as processed,
            (select total from ledger.migrations where id = $1) as estimated`,
    [migrationId],
  );
  const processed = Number(counts.rows[0]?.processed ?? 0);
  const estimated = Number(counts.rows[0]?.estimated ?? 0);
  return passesRejectLimit({ open: rejects.open, processed, estimated }, percent)
    ? { kind: 'too_many_rejects', rejects, processed }
    : undefined;
}
