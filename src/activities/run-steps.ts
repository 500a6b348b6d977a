import type pg from 'pg';
import type { MigrationAction } from '../domain/migration/migration.js';
import { checkDatabases } from '../kinds/rows/preflight/preflight.js';
import { estimateRows } from '../kinds/rows/preflight/source-estimate.js';
import { checkUnmapped } from '../kinds/rows/preflight/unmapped-columns.js';
import { atSide } from '../postgres/databases.js';
import { releaseRanges } from '../postgres/ledger/ranges.js';
import { acceptRejects, countRejects, type RejectCounts } from '../postgres/ledger/rejects.js';
import {
  countRun,
  finalizeOwnership,
  type RunCounts,
  type RunState,
  recordEstimate,
  recordPending,
  recordRunState,
  recordUnmapped,
} from '../postgres/ledger/run-state.js';
import { readStart } from '../postgres/ledger/runs.js';
import { createLedgerCheck } from '../postgres/ledger/schema.js';
import type { RunStepFence } from '../postgres/ledger/step-fence.js';
import { startVerification } from '../postgres/ledger/verifications.js';
import type { ActivityDependencies } from './dependencies.js';
import { guarded } from './guard.js';
import { heartbeating } from './heartbeat.js';
import { Patience } from './patience.js';
import { recordingRetries } from './retries.js';
import { mappingOf } from './row-kinds.js';

/** A run in the state in which its plan asks for a step: once it has gone on, an attempt that comes late does nothing. */
export interface RunReference extends RunStepFence {
  readonly kind: string;
}

/** Steps of a run that move no rows: each but `preflight` a statement or two on the ledger, and all safe to repeat. */
export function createRunSteps({ databases, reach }: ActivityDependencies) {
  const checkLedger = createLedgerCheck(databases.cube);
  const patience = new Patience();
  // A step that a pause can stop gives up what it waits for.
  const atLedger = <T>(work: (cube: pg.Pool) => Promise<T>) =>
    heartbeating(
      databases,
      ({ databases: { cube } }) =>
        atSide('cube', async () => {
          await checkLedger();
          return work(cube);
        }),
      { isShort: true },
    );
  const atCube = <T>(run: RunReference, work: (cube: pg.Pool) => Promise<T>) =>
    guarded(() => recordingRetries(databases, run, () => atLedger(work)), { givesUp: patience.step(run.migrationId) });
  const atCubeUntilDone = <T>(run: RunReference, work: (cube: pg.Pool) => Promise<T>) =>
    guarded(() => recordingRetries(databases, run, () => atLedger(work)), { untilDone: true });
  return {
    /** Everything that can be found wrong before anything is changed; looks at the whole target. */
    preflight: (run: RunReference): Promise<{ estimatedRows: number }> =>
      guarded(
        () =>
          recordingRetries(databases, run, () =>
            heartbeating(databases, async ({ databases, tell, signal }) => {
              const mapping = mappingOf(run.kind);
              const onRange = ({ position }: { position: bigint }) => tell({ position: position.toString() });
              await checkDatabases(databases, mapping, { signal, onRange });
              const { options } = await atSide('cube', () => readStart(databases.cube, run.migrationId));
              const unmapped = await checkUnmapped(databases.legacy, mapping.source, options.unmapped_columns);
              const estimatedRows = await estimateRows(databases.legacy, mapping.source);
              await atSide('cube', async () => {
                await recordEstimate(databases.cube, run, estimatedRows, true);
                await recordUnmapped(databases.cube, run, unmapped);
              });
              return { estimatedRows };
            }),
          ),
        { givesUp: patience.first },
      ),

    /** Tells the ledger where the run stands. */
    recordState: (run: RunReference, state: RunState): Promise<void> =>
      atCubeUntilDone(run, async (cube) => {
        reach('before-state-recorded');
        await recordRunState(cube, run.migrationId, state);
        reach('after-state-recorded');
      }),

    /** Tells the ledger of a word that the plan accepted, until a state is told in which it is carried out. */
    recordPending: (run: RunReference, action: MigrationAction): Promise<void> =>
      atCubeUntilDone(run, (cube) => recordPending(cube, run, action)),

    /** Takes every range from whoever holds it, so that a new round of lanes can share them. */
    openRanges: (run: RunReference): Promise<void> => atCubeUntilDone(run, (cube) => releaseRanges(cube, run)),

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

    acceptRejects: (run: RunReference, ids: 'all' | readonly string[], by: string, why: string): Promise<number> =>
      atCube(run, (cube) => acceptRejects(cube, run, ids, by, why)),

    /** Hands the moved rows over for good. */
    finalize: (run: RunReference): Promise<void> =>
      atCube(run, async (cube) => {
        reach('before-finalize');
        await finalizeOwnership(cube, run);
        reach('after-finalize');
      }),
  };
}

export type RunSteps = ReturnType<typeof createRunSteps>;
