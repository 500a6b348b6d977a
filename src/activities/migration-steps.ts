import type { MigrationKind } from '../domain/catalog.js';
import type { MigrationOptions } from '../domain/migration/options.js';
import type { RejectSelection } from '../domain/migration/reject-selection.js';
import type { RunReference } from '../domain/migration/run-reference.js';
import type { CopyLane, Finished, Kind, LaneRound, Passed, VerifyRound } from '../kinds/kind.js';
import { atSide } from '../postgres/databases.js';
import { recordEstimate, recordUnmapped } from '../postgres/ledger/run-state.js';
import { recordEvidence } from '../postgres/ledger/verifications.js';
import type { ActivityDependencies } from './dependencies.js';
import { createKindDispatch } from './kind-dispatch.js';

/**
 * The steps that differ by kind. Cancelled, they stop at the next commit and return what was done, or fail when a statement had to
 * be cancelled; then, as when killed, their next attempt continues from the ledger.
 */
export function createMigrationSteps(deps: ActivityDependencies, registry: Readonly<Record<MigrationKind, Kind>>) {
  const { reach } = deps;
  const { byKind, retryLimits } = createKindDispatch(deps, registry);
  return {
    /** Everything that can be found wrong before anything is changed; reads the whole target. */
    preflight: (run: RunReference): Promise<{ estimatedRows: number }> =>
      byKind(
        run,
        async (kind, step) => {
          const { rows, unmapped } = await kind.preflight(run, step);
          const { cube } = step.databases;
          await atSide('cube', async () => {
            await recordEstimate(cube, run, rows, true);
            await recordUnmapped(cube, run, unmapped);
          });
          return { estimatedRows: rows };
        },
        retryLimits.first,
        // Preflight reads the ledger itself, once it has explained a connection that cannot be made.
        { checksLedger: false },
      ),

    /** Copies as one of the run's lanes until the source is exhausted or the round is over. */
    copyLane: (lane: CopyLane): Promise<LaneRound> => byKind(lane, (kind, step) => kind.copy(lane, step)),

    /** Compares both databases from where the verification is; once it has ended, the ledger keeps the kind's evidence of it. */
    verifyRows: (run: RunReference, verificationId: string): Promise<VerifyRound> =>
      byKind(run, async (kind, step) => {
        const round = await kind.verify(run, verificationId, step);
        if (round.kind !== 'concluded') return round;
        const { cube } = step.databases;
        const section = await kind.evidence(run, step);
        await atSide('cube', () => recordEvidence(cube, run, verificationId, section));
        return round;
      }),

    /** Moves again what legacy has changed since the last pass. */
    passOverChanges: (run: RunReference, options: MigrationOptions): Promise<Passed> =>
      byKind(run, (kind, step) => kind.pass(run, options, step)),

    /** Makes the target equal to the source where the last verification found it different. */
    repairRows: (run: RunReference, options: MigrationOptions): Promise<Finished> =>
      byKind(run, (kind, step) => kind.repair(run, options, step)),

    /** Tries the selected rejects again that are not in the target. */
    retryRejects: (run: RunReference, options: MigrationOptions, selection: RejectSelection): Promise<Finished> =>
      byKind(run, (kind, step) => kind.retry(run, options, selection, step)),

    /** The undo of every move: removes what runs of the kind put there. */
    removeMovedRows: (run: RunReference): Promise<void> =>
      byKind(run, (kind, step) => kind.remove(run, step), retryLimits.undo),

    /** Hands what was moved over for good, and completes the run. */
    finalize: (run: RunReference): Promise<void> =>
      byKind(
        run,
        async (kind, step) => {
          reach('before-finalize');
          await kind.handOver(run, step);
          reach('after-finalize');
        },
        retryLimits.step(run.migrationId),
        { isShort: true },
      ),
  };
}

export type MigrationSteps = ReturnType<typeof createMigrationSteps>;
