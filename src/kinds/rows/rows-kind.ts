import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import type { MigrationOptions } from '../../domain/migration/options.js';
import { readSelection } from '../../domain/migration/reject-selection.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { atSide, type Databases } from '../../postgres/databases.js';
import { meetsMovedRows } from '../../postgres/ledger/moved-rows.js';
import { claimOperation, confirmOperation, type OperationClaim } from '../../postgres/ledger/operations.js';
import { rangesChangedSinceVerification } from '../../postgres/ledger/passed-ranges.js';
import { releaseRanges } from '../../postgres/ledger/ranges.js';
import { finalizeBatches } from '../../postgres/ledger/run-state.js';
import { releaseLeftovers } from '../contents/fetch-contents.js';
import { removeContents } from '../contents/remove-contents.js';
import type { ContentAccess } from '../contents/row-contents.js';
import type { CopyLane, Kind, StepContext } from '../kind.js';
import { withClaimedWriter } from './claimed-writer.js';
import { concludeVerification } from './compare/conclude.js';
import { verifyTables } from './compare/verify.js';
import type { CopySettings } from './copy/copy-context.js';
import { type LaneContext, runCopyLane } from './copy/copy-lane.js';
import { createPace } from './copy/pace.js';
import { countMovedRows } from './count-moved-rows.js';
import { comparedTables } from './evidence.js';
import { passTables } from './pass/pass-table.js';
import { checkGrants } from './preflight/grants.js';
import { checkSource, checkTarget, preflightTables } from './preflight/preflight.js';
import { checkRelations } from './preflight/relations.js';
import { tableExists } from './preflight/table-exists.js';
import { removeMovedRows } from './remove/remove-rows.js';
import { type RepairContext, repairTables } from './repair/repair.js';
import { retryRejects } from './repair/retry-rejects.js';
import type { RowTables } from './row-mapping.js';

/** A round of a long step ends after this, so that the plan's history shows the progress and can be continued as new. */
const roundMillis = 30_000;
const verifiedRangeRows = 25_000;
const maxRangeRows = 50_000;

/**
 * A kind that consists of rows of one or several related tables. Its long steps stream rows and report their position; cancelled, they stop at the next commit and
 * return what was done, or fail when a statement had to be cancelled; their next attempt goes on from the ledger.
 */
export function createRowsKind(tables: RowTables): Kind {
  checkRelations(tables);
  const [main] = tables;
  return {
    preflight: (run, { databases, signal, reportProgress }) =>
      preflightTables(databases, tables, run.migrationId, { signal, onRange: positions(reportProgress) }),

    copy: async (assignment, { assets, databases, worker, signal, reportProgress, reach, itemsOfRows }) => {
      const { migrationId, kind, lane, sequence, options } = assignment;
      const done = { migrated: 0, rejected: 0 };
      const limits = {
        rowsPerSecond: options.rows_per_second === null ? null : options.rows_per_second / options.lanes,
        latencyLimitMillis: options.legacy_latency_limit_ms,
      };
      const contentAccess = {
        assets,
        owner: `${kind}/${migrationId}/lane-${lane}`,
        partsOwner: `${kind}/${migrationId}/parts`,
        signal,
        reportProgress: () => reportProgress(done),
      };
      await releaseContents(databases, contentAccess);
      const context: LaneContext = {
        databases,
        tables,
        settings: copySettings(options),
        migrationId,
        worker,
        signal,
        reach,
        itemsOfRows,
        contentAccess,
        pace: createPace(databases.legacy, main.source, limits, signal, () => reportProgress(done)),
        onWait: () => reportProgress(done),
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
        adopts: await atSide('cube', () => meetsMovedRows(databases.cube, kind, migrationId)),
      });
      return { outcome, ...done };
    },

    verify: async (run, verificationId, { databases, signal, reportProgress, reach }) => {
      const { migrationId } = run;
      const claim = await atSide('cube', () => claimOperation(databases.cube, run));
      const onRange = positions(reportProgress);
      const compared = { databases, tables, migrationId, verificationId, claim, signal, onRange };
      const outcome = await verifyTables({
        ...compared,
        rangeRows: verifiedRangeRows,
        roundMillis,
        onUnrecorded: positions(reportProgress),
        reach,
      });
      if (outcome !== 'finished') return { kind: outcome };
      return { kind: 'concluded', verdict: await concludeVerification(compared) };
    },

    pass: (run, options, step) =>
      withClaimedWriter(step.databases, run, async (claim, writer) => {
        const { cube } = step.databases;
        const finished = await passTables(await repairContext(run, options, claim, step), writer);
        return {
          finished,
          changedRanges: await atSide('cube', () => rangesChangedSinceVerification(cube, run.migrationId)),
        };
      }),

    repair: (run, options, step) =>
      withClaimedWriter(step.databases, run, async (claim, writer) => ({
        finished: await repairTables(await repairContext(run, options, claim, step), writer),
      })),

    retry: (run, options, selection, step) =>
      withClaimedWriter(step.databases, run, async (claim, writer) => {
        const selected = readSelection(selection, main.table);
        return { finished: await retryRejects(await repairContext(run, options, claim, step), writer, selected) };
      }),

    remove: async (run, { assets, databases, reportProgress, reach, itemsOfRows }) => {
      await atSide('cube', () => releaseRanges(databases.cube, run));
      const context = { databases, tables, onBatch: reportProgress, reach, itemsOfRows };
      await withClaimedWriter(
        databases,
        run,
        async (claim, writer) => {
          const incomplete = await removeMovedRows({ ...context, claim }, writer).catch((error: unknown) => {
            if (error instanceof Failure && error.type === 'undo_incomplete') return error;
            throw error;
          });
          const confirm = (client: pg.ClientBase) => confirmOperation(client, claim);
          for (const { contents } of tables) {
            if (contents === undefined) continue;
            await removeContents(contents.storedBy, { databases, assets, confirm, reach, onPage: reportProgress });
          }
          if (incomplete !== undefined) throw incomplete;
        },
        'undo',
      );
    },

    handOver: (run, { databases }) => atSide('cube', () => finalizeBatches(databases.cube, run)),

    evidence: async () => comparedTables(tables),

    countMoved: (cube) => countMovedRows(cube, tables),
    checkLegacy: async (client) => {
      for (const mapping of tables) await checkSource(client, mapping);
    },
    checkCube: async (client) => {
      for (const mapping of tables) {
        if (await tableExists(client, mapping.target)) await checkTarget(client, mapping);
      }
    },
    checkServing: async (client, who) => {
      for (const { source } of tables) {
        await checkGrants(client, 'legacy', source, ['select', 'insert', 'update', 'delete'], who);
      }
    },
  };

  async function repairContext(
    { migrationId, kind }: RunReference,
    options: MigrationOptions,
    claim: OperationClaim,
    { assets, databases, worker, signal, reportProgress, reach, itemsOfRows }: StepContext,
  ): Promise<RepairContext> {
    const settings = copySettings(options);
    const onRange = positions(reportProgress);
    const owner = `${kind}/${migrationId}/operation`;
    const partsOwner = `${kind}/${migrationId}/parts`;
    const contentAccess = { assets, owner, partsOwner, signal, reportProgress: () => reportProgress({ owner }) };
    await releaseContents(databases, contentAccess);
    return {
      databases,
      tables,
      settings,
      migrationId,
      worker,
      claim,
      signal,
      onRange,
      reach,
      itemsOfRows,
      contentAccess,
    };
  }

  /** What an earlier attempt of the same work has left in the store. */
  async function releaseContents({ cube }: Databases, access: ContentAccess): Promise<void> {
    for (const { contents } of tables) if (contents !== undefined) await releaseLeftovers(cube, contents, access);
  }
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
