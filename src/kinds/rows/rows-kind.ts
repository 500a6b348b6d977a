import type { MigrationOptions } from '../../domain/migration/options.js';
import { atSide } from '../../postgres/databases.js';
import { meetsOwnedRows } from '../../postgres/ledger/moved-rows.js';
import { claimOperation } from '../../postgres/ledger/operations.js';
import { releaseRanges } from '../../postgres/ledger/ranges.js';
import { readStart } from '../../postgres/ledger/runs.js';
import type { CopyLane, Kind, StepContext } from '../kind.js';
import { withClaimedWriter } from './claimed-writer.js';
import { concludeVerification } from './compare/conclude.js';
import { verifyRanges } from './compare/verify.js';
import { runCopyLane } from './copy/copy-lane.js';
import type { CopyContext, CopySettings } from './copy/copy-range.js';
import { createPace } from './copy/pace.js';
import { countOwnedRows } from './owned-rows.js';
import { checkGrants } from './preflight/grants.js';
import { checkDatabases, checkSource, checkTarget } from './preflight/preflight.js';
import { estimateRows } from './preflight/source-estimate.js';
import { tableExists } from './preflight/table-exists.js';
import { checkUnmapped } from './preflight/unmapped-columns.js';
import { removeOwnedRows } from './remove/remove-rows.js';
import { repairRanges } from './repair/repair.js';
import { retryRejects } from './retry-rejects.js';
import type { RowMapping } from './row-mapping.js';

/** A round of a long step ends after this, so that the plan's history tells how it goes and can be continued as new. */
const roundMillis = 30_000;
const verifiedRangeRows = 25_000;
const maxRangeRows = 50_000;

/**
 * A kind that consists of rows. Its long steps stream rows and report their position; cancelled, they stop at the next commit and
 * return what was done, or fail when a statement had to be cancelled; their next attempt goes on from the ledger.
 */
export function createRowsKind([mapping]: readonly [RowMapping]): Kind {
  return {
    preflight: async (run, { databases, signal, reportProgress }) => {
      await checkDatabases(databases, mapping, { signal, onRange: positions(reportProgress) });
      const { options } = await atSide('cube', () => readStart(databases.cube, run.migrationId));
      const unmapped = await checkUnmapped(databases.legacy, mapping.source, options.unmapped_columns);
      return { rows: await estimateRows(databases.legacy, mapping.source), unmapped };
    },

    copy: async (assignment, { databases, worker, signal, reportProgress, reach }) => {
      const { migrationId, kind, lane, sequence, options } = assignment;
      const done = { migrated: 0, rejected: 0 };
      const limits = {
        rowsPerSecond: options.rows_per_second === null ? null : options.rows_per_second / options.lanes,
        latencyLimitMillis: options.legacy_latency_limit_ms,
      };
      const context: CopyContext = {
        databases,
        mapping,
        settings: copySettings(options),
        migrationId,
        worker,
        signal,
        reach,
        pace: createPace(databases.legacy, mapping.source, limits, signal, () => reportProgress(done)),
        onCommit: (committed) => {
          done.migrated += committed.migrated;
          done.rejected += committed.rejected;
          reportProgress({ ...done, position: committed.position.toString() });
        },
      };
      const outcome = await runCopyLane(context, {
        lane,
        sequence,
        rangeRows: rangeRows(assignment),
        rejectLimitPercent: options.reject_limit_percent,
        roundMillis,
        adopts: await atSide('cube', () => meetsOwnedRows(databases.cube, kind, migrationId)),
      });
      return { outcome, ...done };
    },

    verify: async (run, verificationId, { databases, signal, reportProgress, reach }) => {
      const { migrationId } = run;
      const claim = await atSide('cube', () => claimOperation(databases.cube, run));
      const onRange = positions(reportProgress);
      const compared = { databases, mapping, migrationId, verificationId, claim, signal, onRange };
      const outcome = await verifyRanges({
        ...compared,
        rangeRows: verifiedRangeRows,
        roundMillis,
        onLook: positions(reportProgress),
        reach,
      });
      if (outcome !== 'finished') return { kind: outcome };
      return { kind: 'concluded', verdict: await concludeVerification(compared) };
    },

    repair: (run, options, { databases, worker, signal, reportProgress, reach }) =>
      withClaimedWriter(databases, run, async (claim, writer) => {
        const context = {
          databases,
          mapping,
          settings: copySettings(options),
          migrationId: run.migrationId,
          worker,
          claim,
          signal,
          onRange: positions(reportProgress),
          reach,
        };
        return { finished: await repairRanges(context, writer) };
      }),

    retry: (run, options, ids, step) => retryRejects(mapping, run, copySettings(options), ids, step),

    remove: async (run, { databases, reportProgress, reach }) => {
      await atSide('cube', () => releaseRanges(databases.cube, run));
      const context = { databases, mapping, onBatch: reportProgress, reach };
      await withClaimedWriter(
        databases,
        run,
        async (claim, writer) => {
          await removeOwnedRows({ ...context, claim }, writer);
        },
        'undo',
      );
    },

    countOwned: (cube) => countOwnedRows(cube, mapping.kind, mapping.target),
    checkLegacy: (client) => checkSource(client, mapping),
    checkCube: async (client) => {
      if (await tableExists(client, mapping.target)) await checkTarget(client, mapping);
    },
    checkServing: (client, who) =>
      checkGrants(client, 'legacy', mapping.source, ['select', 'insert', 'update', 'delete'], who),
  };
}

/** Reports the key up to which something was done. */
function positions(reportProgress: StepContext['reportProgress']): (done: { readonly position: bigint }) => void {
  return ({ position }) => reportProgress({ position: position.toString() });
}

function copySettings(options: MigrationOptions): CopySettings {
  return {
    batchRows: options.batch_rows,
    batchBytes: options.batch_bytes,
    commitRows: Math.max(20_000, options.batch_rows),
    commitBytes: Math.max(16 * 1024 * 1024, options.batch_bytes),
    commitMillis: 1000,
  };
}

/** Ranges small enough that every lane gets several, and large enough that claiming one costs nothing compared to copying it. */
function rangeRows({ estimatedRows, options }: CopyLane): number {
  const share = Math.ceil(estimatedRows / (options.lanes * 8));
  return Math.min(maxRangeRows, Math.max(options.batch_rows, share));
}
