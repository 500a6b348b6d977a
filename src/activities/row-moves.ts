import type { MigrationOptions } from '../domain/migration/migration.js';
import { concludeVerification } from '../kinds/rows/compare/conclude.js';
import { verifyRanges } from '../kinds/rows/compare/verify.js';
import { type LaneOutcome, runCopyLane } from '../kinds/rows/copy/copy-lane.js';
import type { CopyContext, CopySettings } from '../kinds/rows/copy/copy-range.js';
import { createPace } from '../kinds/rows/copy/pace.js';
import { removeOwnedRows } from '../kinds/rows/remove/remove-rows.js';
import { recopyRows } from '../kinds/rows/repair/recopy-rows.js';
import { repairRanges } from '../kinds/rows/repair/repair.js';
import { atSide, type Databases, dropConnection } from '../postgres/databases.js';
import { meetsOwnedRows } from '../postgres/ledger/moved-rows.js';
import {
  claimOperation,
  confirmOperation,
  type OperationClaim,
  type OperationPurpose,
} from '../postgres/ledger/operations.js';
import { claimSessionName, releaseRanges } from '../postgres/ledger/ranges.js';
import { unresolvedRejectIds } from '../postgres/ledger/rejects.js';
import { createLedgerCheck } from '../postgres/ledger/schema.js';
import type { VerificationVerdict } from '../postgres/ledger/verifications.js';
import type { ActivityDependencies } from './dependencies.js';
import { guarded } from './guard.js';
import { heartbeating } from './heartbeat.js';
import { type GivesUp, Patience } from './patience.js';
import { recordingRetries } from './retries.js';
import { mappingOf } from './row-kinds.js';
import type { RunReference } from './run-steps.js';

export interface LaneAssignment extends RunReference {
  readonly lane: number;
  readonly options: MigrationOptions;
  readonly estimatedRows: number;
}

/** What a lane did in one round. */
export interface LaneRound {
  readonly outcome: LaneOutcome;
  readonly migrated: number;
  readonly rejected: number;
}

export type VerifyRound =
  | { readonly kind: 'concluded'; readonly verdict: VerificationVerdict }
  | { readonly kind: 'round_over' | 'stopped' };

/** A round of a long step ends after this, so that the plan's history tells how it goes and can be continued as new. */
const roundMillis = 30_000;
const verifiedRangeRows = 25_000;
const maxRangeRows = 50_000;

/**
 * The long steps: they stream rows and heartbeat their position. Cancelled, they stop at the next commit and return what
 * was done, or fail when a statement had to be cancelled; then, as when killed, their next attempt goes on from the ledger.
 */
export function createRowMoves({ databases: all, worker, reach }: ActivityDependencies) {
  const checkLedger = createLedgerCheck(all.cube);
  const patience = new Patience();
  return {
    /** Copies ranges as one of the run's lanes until the source is exhausted or the round is over. */
    copyLane: (assignment: LaneAssignment): Promise<LaneRound> =>
      longStep(assignment, async ({ databases, tell, signal }) => {
        const { migrationId, kind, lane, options } = assignment;
        const mapping = mappingOf(kind);
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
          pace: createPace(databases.legacy, mapping.source, limits, signal, () => tell(done)),
          onCommit: (committed) => {
            done.migrated += committed.migrated;
            done.rejected += committed.rejected;
            tell({ ...done, position: committed.position.toString() });
          },
        };
        const outcome = await runCopyLane(context, {
          lane,
          sequence: assignment.sequence,
          rangeRows: rangeRows(assignment),
          rejectLimitPercent: options.reject_limit_percent,
          roundMillis,
          adopts: await atSide('cube', () => meetsOwnedRows(databases.cube, kind, migrationId)),
        });
        return { outcome, ...done };
      }),

    /** Compares both databases from where the verification stands. */
    verifyRows: (run: RunReference, verificationId: string): Promise<VerifyRound> =>
      longStep(run, async ({ databases, tell, signal }) => {
        const { migrationId, kind } = run;
        const mapping = mappingOf(kind);
        const claim = await atSide('cube', () => claimOperation(databases.cube, run));
        const outcome = await verifyRanges({
          databases,
          mapping,
          migrationId,
          verificationId,
          claim,
          rangeRows: verifiedRangeRows,
          roundMillis,
          signal,
          onRange: ({ position }) => tell({ position: position.toString() }),
          onLook: ({ position }) => tell({ position: position.toString() }),
          reach,
        });
        if (outcome !== 'finished') return { kind: outcome };
        const onRange = ({ position }: { position: bigint }) => tell({ position: position.toString() });
        const concluding = { databases, mapping, migrationId, verificationId, claim, signal, onRange };
        return { kind: 'concluded', verdict: await concludeVerification(concluding) };
      }),

    /** Makes the target equal to the source where the last verification found it different. */
    repairRows: (run: RunReference, options: MigrationOptions): Promise<{ finished: boolean }> =>
      longStep(run, ({ databases, tell, signal }) =>
        withClaim(databases, run, async (claim, writer) => ({
          finished: await repairRanges(
            {
              databases,
              mapping: mappingOf(run.kind),
              settings: copySettings(options),
              migrationId: run.migrationId,
              worker,
              claim,
              signal,
              onRange: ({ position }) => tell({ position: position.toString() }),
              reach,
            },
            writer,
          ),
        })),
      ),

    /** Tries rejected rows again: all that are not in the target, or those named. */
    retryRejects: (
      run: RunReference,
      options: MigrationOptions,
      ids: 'all' | readonly string[],
    ): Promise<{ finished: boolean }> =>
      longStep(run, ({ databases, tell, signal }) =>
        withClaim(databases, run, async (claim, writer) => {
          const mapping = mappingOf(run.kind);
          const context = {
            databases,
            mapping,
            settings: copySettings(options),
            migrationId: run.migrationId,
            worker,
            token: claim.token,
            origin: 'retried' as const,
            confirm: (client: Parameters<typeof confirmOperation>[0]) => confirmOperation(client, claim),
            reach,
          };
          const named = ids === 'all' ? undefined : new Set(ids);
          let after = -(2n ** 63n);
          for (;;) {
            const page = await atSide('cube', () =>
              unresolvedRejectIds(databases.cube, run.migrationId, after, 2n ** 63n - 1n, rejectsAtOnce),
            );
            const last = page.at(-1);
            if (last === undefined) return { finished: true };
            if (signal.aborted) return { finished: false };
            await recopyRows(
              context,
              writer,
              named === undefined ? page : page.filter((id) => named.has(id.toString())),
            );
            after = last;
            tell({ position: after.toString() });
          }
        }),
      ),

    /** The undo of every move: removes what runs of the kind put there. */
    removeMovedRows: (run: RunReference): Promise<void> =>
      longStep(
        run,
        async ({ databases, tell }) => {
          await atSide('cube', () => releaseRanges(databases.cube, run));
          const remove = (claim: OperationClaim, writer: Writer) =>
            removeOwnedRows(
              {
                databases,
                mapping: mappingOf(run.kind),
                claim,
                onBatch: tell,
                reach,
              },
              writer,
            );
          await withClaim(databases, run, remove, 'undo');
        },
        patience.undo,
      ),
  };

  function longStep<T>(
    run: RunReference,
    work: (step: Step) => Promise<T>,
    givesUp: GivesUp = patience.step(run.migrationId),
  ): Promise<T> {
    return guarded(
      () =>
        recordingRetries(all, run, () =>
          heartbeating(all, async (step) => {
            await atSide('cube', checkLedger);
            return work(step);
          }),
        ),
      { givesUp },
    );
  }

  /** A writing connection under the run's operation token, ended afterwards. */
  async function withClaim<T>(
    databases: Databases,
    run: RunReference,
    work: (claim: OperationClaim, writer: Writer) => Promise<T>,
    purpose: OperationPurpose = 'work',
  ): Promise<T> {
    const claim = await atSide('cube', () => claimOperation(databases.cube, run, purpose));
    const writer = await databases.connect('cube', claimSessionName(claim.token));
    try {
      // A worker frozen between two statements of a transaction must not hold the run's row for ever.
      await atSide('cube', () => writer.query("set idle_in_transaction_session_timeout = '30s'"));
      return await work(claim, writer);
    } finally {
      await dropConnection(writer);
    }
  }
}

type Step = Parameters<Parameters<typeof heartbeating>[1]>[0];
type Writer = Awaited<ReturnType<Databases['connect']>>;

export type RowMoves = ReturnType<typeof createRowMoves>;

const rejectsAtOnce = 2000;

function copySettings(options: MigrationOptions): CopySettings {
  return {
    batchRows: options.batch_rows,
    batchBytes: options.batch_bytes,
    commitRows: Math.max(20_000, options.batch_rows),
    commitBytes: Math.max(16 * 1024 * 1024, options.batch_bytes),
    commitMillis: 1000,
  };
}

/** Ranges small enough that every lane gets several, and large enough that claiming one costs nothing beside copying it. */
function rangeRows({ estimatedRows, options }: LaneAssignment): number {
  const share = Math.ceil(estimatedRows / (options.lanes * 8));
  return Math.min(maxRangeRows, Math.max(options.batch_rows, share));
}
