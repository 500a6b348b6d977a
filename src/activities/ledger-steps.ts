import type pg from 'pg';
import type { MigrationAction, SteeringRequest } from '../domain/migration/migration.js';
import { type RejectSelection, readSelection } from '../domain/migration/reject-selection.js';
import { mainTableOf } from '../domain/migration/row-name.js';
import type { RunReference } from '../domain/migration/run-reference.js';
import { atSide } from '../postgres/databases.js';
import { releaseRanges } from '../postgres/ledger/ranges.js';
import { acceptRejects, countRejects, type RejectCounts } from '../postgres/ledger/rejects.js';
import {
  countRun,
  type RecordedState,
  type RunCounts,
  recordEstimate,
  recordPending,
  recordRunState,
} from '../postgres/ledger/run-state.js';
import { createLedgerCheck } from '../postgres/ledger/schema.js';
import { startVerification } from '../postgres/ledger/verifications.js';
import type { ActivityDependencies } from './dependencies.js';
import { guarded } from './guard.js';
import { heartbeating, type ReportProgress } from './heartbeat.js';
import { recordingRetries } from './record-retried-failure.js';
import { RetryLimits } from './retry-limits.js';

type LedgerWork<T> = (
  cube: pg.Pool,
  progress: { readonly reportProgress: ReportProgress; readonly signal: AbortSignal },
) => Promise<T>;

/** Steps of a run that are the same for every kind: a statement or two on the ledger, all safe to repeat. */
export function createLedgerSteps({ databases, reach }: ActivityDependencies) {
  const checkLedger = createLedgerCheck(databases.cube);
  const retryLimits = new RetryLimits();
  // A step that a pause can stop gives up what it waits for.
  const atLedger = <T>(work: LedgerWork<T>) =>
    heartbeating(
      databases,
      ({ databases: { cube }, ...progress }) =>
        atSide('cube', async () => {
          await checkLedger();
          return work(cube, progress);
        }),
      { isShort: true },
    );
  const atCube = <T>(run: RunReference, work: LedgerWork<T>) =>
    guarded(() => recordingRetries(databases, run, () => atLedger(work)), {
      givesUp: retryLimits.step(run.migrationId),
    });
  const atCubeUntilDone = <T>(run: RunReference, work: LedgerWork<T>) =>
    guarded(() => recordingRetries(databases, run, () => atLedger(work)), { untilDone: true });
  return {
    /** Records the state of the run. */
    recordState: (run: RunReference, state: RecordedState): Promise<void> =>
      atCubeUntilDone(run, async (cube) => {
        reach('before-state-recorded');
        await recordRunState(cube, run.migrationId, state);
        reach('after-state-recorded');
      }),

    /** Records a command that the plan accepted, until a state is recorded in which it is carried out. */
    recordPending: (run: RunReference, action: MigrationAction, request?: SteeringRequest): Promise<void> =>
      atCubeUntilDone(run, (cube) => recordPending(cube, run, action, request)),

    /** Releases every claimed range, so that a new round of lanes can share them. */
    releaseRanges: (run: RunReference): Promise<void> => atCubeUntilDone(run, (cube) => releaseRanges(cube, run)),

    /** What the log says was moved; from here on the total is a count. */
    countCopied: (run: RunReference): Promise<RunCounts> =>
      atCube(run, async (cube) => {
        const counts = await countRun(cube, run.migrationId);
        await recordEstimate(cube, run, counts.migrated + counts.rejected, false);
        return counts;
      }),

    countRejects: (run: RunReference): Promise<RejectCounts> =>
      atCube(run, (cube) => countRejects(cube, run.migrationId)),

    startVerification: (run: RunReference): Promise<string> => atCube(run, (cube) => startVerification(cube, run)),

    /** Accepts the selected rejects page by page, however many they are. */
    acceptRejects: (run: RunReference, selection: RejectSelection, by: string, why: string): Promise<number> =>
      atCube(run, (cube, { reportProgress, signal }) => {
        const selected = readSelection(selection, mainTableOf(run.kind));
        return acceptRejects(cube, run, selected, by, why, { onPage: reportProgress, signal });
      }),
  };
}

export type LedgerSteps = ReturnType<typeof createLedgerSteps>;
