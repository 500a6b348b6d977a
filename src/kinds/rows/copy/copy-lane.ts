import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../../base/failures.js';
import { passesRejectLimit } from '../../../domain/migration/reject-limit.js';
import { atSide, dropConnection } from '../../../postgres/databases.js';
import { type ClaimableTable, claimRange, claimSessionName } from '../../../postgres/ledger/ranges.js';
import { countOpenRejects, countRejects, type RejectCounts } from '../../../postgres/ledger/rejects.js';
import { checkLedgerVersion } from '../../../postgres/ledger/schema.js';
import { adoptRange } from '../adopt/adopt-range.js';
import { nearerRangeEnds, rangeEnds } from '../range-ends.js';
import type { RowMapping, RowTables } from '../row-mapping.js';
import type { CopyContext } from './copy-context.js';
import { copyPages } from './copy-pages.js';
import { copyRange } from './copy-range.js';

export interface LaneSettings {
  readonly lane: number;
  /** Number of the run's state in which the lane was started. */
  readonly sequence: number;
  /** Source rows that a range holds at most; where it may adopt, target rows too. */
  readonly rangeRows: number;
  readonly rejectLimitPercent: number;
  /** Return after about this long, so that the plan hears from its lanes. */
  readonly roundMillis: number;
  /** Whether earlier runs of the kind left rows that this one may adopt. */
  readonly adopts: boolean;
}

/** What a lane works with: everything of a copy but the table, of which it has several. */
export interface LaneContext extends Omit<CopyContext, 'mapping'> {
  readonly tables: RowTables;
  /** Called again and again while the lane waits for others. */
  readonly onWait: () => void;
}

/** Why a lane returned. */
export type LaneOutcome =
  | { readonly kind: 'source_exhausted' }
  | { readonly kind: 'round_over' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'too_many_rejects'; readonly rejects: RejectCounts; readonly processed: number };

/**
 * Claims ranges and copies them, one after the other, until every table is exhausted, the round is over, too many rows
 * are rejected or `context.signal` is aborted. May die at any instruction: the next call with the same lane goes on
 * from what the ledger holds. A child table begins when all of its parent's is done; a lane waits for those that still have
 * ranges of it.
 */
export async function runCopyLane(context: LaneContext, settings: LaneSettings): Promise<LaneOutcome> {
  const { databases, tables, migrationId, worker, signal, reach } = context;
  const claimable = tables.map((mapping) => claimableTable(context, mapping, settings));
  const roundEnd = performance.now() + settings.roundMillis;
  while (!signal.aborted) {
    if (performance.now() >= roundEnd) return { kind: 'round_over' };
    const excess = await atSide('cube', () => rejectExcess(context, settings.rejectLimitPercent));
    if (excess !== undefined) return excess;
    reach('before-claim');
    const range = await atSide('cube', async () => {
      await checkLedgerVersion(databases.cube);
      const { lane, sequence } = settings;
      return claimRange(databases.cube, { migrationId, sequence, lane, worker }, claimable);
    });
    if (range === undefined) return { kind: 'source_exhausted' };
    if (range === 'waiting') {
      context.onWait();
      await sleep(claimAgainMillis, undefined, { signal }).catch(() => undefined);
      continue;
    }
    reach('after-claim');
    const copy: CopyContext = { ...context, mapping: mappingOf(tables, range.table) };
    const writer = await databases.connect('cube', claimSessionName(range.token));
    try {
      // A worker frozen between two statements of a transaction must not hold its locks for ever.
      await atSide('cube', () => writer.query("set idle_in_transaction_session_timeout = '30s'"));
      if (settings.adopts && (await adoptRange(copy, range, writer))) continue;
      const { contents } = copy.mapping;
      await (contents === undefined ? copyRange(copy, range, writer) : copyPages(copy, contents, range, writer));
    } finally {
      await dropConnection(writer);
    }
  }
  return { kind: 'stopped' };
}

const claimAgainMillis = 500;

function claimableTable({ databases }: LaneContext, mapping: RowMapping, settings: LaneSettings): ClaimableTable {
  const findRangeEnd = settings.adopts
    ? nearerRangeEnds(databases, mapping, settings.rangeRows)
    : rangeEnds(databases, mapping, 'legacy', settings.rangeRows);
  return { table: mapping.table, parent: mapping.parent?.table, findRangeEnd };
}

function mappingOf(tables: RowTables, table: string): RowMapping {
  const mapping = tables.find((candidate) => candidate.table === table);
  if (mapping === undefined)
    throw new Failure('unexpected', `The ledger has a range of a table ${table} that the kind has not.`);
  return mapping;
}

async function rejectExcess(context: LaneContext, percent: number): Promise<LaneOutcome | undefined> {
  const { databases, migrationId } = context;
  // Before each range, of as many rejects as there are: their reasons are counted once they are too many.
  const open = await countOpenRejects(databases.cube, migrationId);
  if (open === 0) return undefined;
  const counts = await databases.cube.query<{ processed: string; estimated: string }>(
    `select coalesce((select sum(migrated + rejected) from ledger.batches where migration_id = $1), 0) as processed,
            (select total from ledger.migrations where id = $1) as estimated`,
    [migrationId],
  );
  const processed = Number(counts.rows[0]?.processed ?? 0);
  const estimated = Number(counts.rows[0]?.estimated ?? 0);
  if (!passesRejectLimit({ open, processed, estimated }, percent)) return undefined;
  return { kind: 'too_many_rejects', rejects: await countRejects(databases.cube, migrationId), processed };
}
