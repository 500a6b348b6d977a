import type { MigrationKind } from '../domain/catalog.js';
import type { MigrationOptions } from '../domain/migration/options.js';
import type { RunReference } from '../domain/migration/run-reference.js';
import type { CopyLane, Finished, Kind, LaneRound, StepContext, VerifyRound } from '../kinds/kind.js';
import { atSide } from '../postgres/databases.js';
import { recordEstimate, recordUnmapped } from '../postgres/ledger/run-state.js';
import { createLedgerCheck } from '../postgres/ledger/schema.js';
import type { ActivityDependencies } from './dependencies.js';
import { guarded } from './guard.js';
import { heartbeating } from './heartbeat.js';
import { type GivesUp, Patience } from './patience.js';
import { recordingRetries } from './retries.js';

/**
 * The steps that differ by kind, carried out by `registry[run.kind]`. Cancelled, they stop at the next commit and return what was
 * done, or fail when a statement had to be cancelled; then, as when killed, their next attempt goes on from the ledger.
 */
export function createMigrationSteps(
  { databases: all, worker, reach }: ActivityDependencies,
  registry: Readonly<Record<MigrationKind, Kind>>,
) {
  const checkLedger = createLedgerCheck(all.cube);
  const patience = new Patience();
  return {
    /** Everything that can be found wrong before anything is changed; looks at the whole target. */
    preflight: (run: RunReference): Promise<{ estimatedRows: number }> =>
      guarded(
        () =>
          recordingRetries(all, run, () =>
            // No check of the ledger's version first: preflight explains a connection that cannot be had.
            heartbeating(all, async (step) => {
              const { rows, unmapped } = await registry[run.kind].preflight(run, contextOf(step));
              const { cube } = step.databases;
              await atSide('cube', async () => {
                await recordEstimate(cube, run, rows, true);
                await recordUnmapped(cube, run, unmapped);
              });
              return { estimatedRows: rows };
            }),
          ),
        { givesUp: patience.first },
      ),

    /** Copies as one of the run's lanes until the source is exhausted or the round is over. */
    copyLane: (lane: CopyLane): Promise<LaneRound> => byKind(lane, (kind, step) => kind.copy(lane, step)),

    /** Compares both databases from where the verification is. */
    verifyRows: (run: RunReference, verificationId: string): Promise<VerifyRound> =>
      byKind(run, (kind, step) => kind.verify(run, verificationId, step)),

    /** Makes the target equal to the source where the last verification found it different. */
    repairRows: (run: RunReference, options: MigrationOptions): Promise<Finished> =>
      byKind(run, (kind, step) => kind.repair(run, options, step)),

    /** Tries rejected rows again: all that are not in the target, or those named. */
    retryRejects: (run: RunReference, options: MigrationOptions, ids: 'all' | readonly string[]): Promise<Finished> =>
      byKind(run, (kind, step) => kind.retry(run, options, ids, step)),

    /** The undo of every move: removes what runs of the kind put there. */
    removeMovedRows: (run: RunReference): Promise<void> =>
      byKind(run, (kind, step) => kind.remove(run, step), patience.undo),
  };

  function byKind<T>(
    run: RunReference,
    work: (kind: Kind, step: StepContext) => Promise<T>,
    givesUp: GivesUp = patience.step(run.migrationId),
  ): Promise<T> {
    return guarded(
      () =>
        recordingRetries(all, run, () =>
          heartbeating(all, async (step) => {
            await atSide('cube', checkLedger);
            return work(registry[run.kind], contextOf(step));
          }),
        ),
      { givesUp },
    );
  }

  function contextOf({ databases, tell, signal }: Parameters<Parameters<typeof heartbeating>[1]>[0]): StepContext {
    return { databases, worker, signal, reach, reportProgress: tell };
  }
}

export type MigrationSteps = ReturnType<typeof createMigrationSteps>;
