import { CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { ItemSteps } from '../../activities/item-steps.js';
import type { LedgerSteps } from '../../activities/ledger-steps.js';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import { failureRule } from '../../base/failures.js';
import type { MigrationInput, MigrationStatus } from '../../domain/migration/migration.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import type { RequestProof } from '../../domain/plan-requests.js';
import { failureOf } from './activity-failure.js';
import type { CarriedRun } from './carried-run.js';
import { ReceivedRequests } from './received-requests.js';
import { profiles } from './retry-profiles.js';
import { MigrationRun } from './run.js';
import { Saga } from './saga.js';
import { StopRequested } from './stop-requested.js';

const steps = proxyActivities<Pick<LedgerSteps, 'releaseRanges'>>(profiles.ledgerWrite);

const { removeMovedRows, undoItems } = proxyActivities<
  Pick<MigrationSteps, 'removeMovedRows'> & Pick<ItemSteps, 'undoItems'>
>(profiles.undo);

/** Undos by the names under which plans register them. */
const undos: Readonly<Record<string, (run: RunReference) => Promise<void>>> = {
  removeMovedRows,
  undoItems: (run) => undoItems(run, 'all'),
};

export interface MigrationOutcome {
  readonly status: MigrationStatus;
}

/**
 * Carries a plan to one of its ends: its last line (`completed`), cancelled, rolled back, or failed before anything was
 * changed. Temporal's own cancellation does not reach the plan: it counts as a `cancel`.
 */
export async function runMigration(
  input: MigrationInput,
  carried: CarriedRun | undefined,
  proof: RequestProof | undefined,
  plan: (run: MigrationRun) => Promise<void>,
): Promise<MigrationOutcome> {
  const run = new MigrationRun(input, carried, new ReceivedRequests([input, carried ?? null], proof));
  CancellationScope.current().cancelRequested.catch(() => run.cancelledFromOutside());
  return CancellationScope.nonCancellable(async () => {
    for (;;) {
      try {
        await plan(run);
        await run.enter('done', 'completed', 'complete', 'engine');
        return { status: 'completed' };
      } catch (error) {
        const outcome = await endOrBlock(run, error);
        if (outcome !== undefined) return outcome;
        await run.renewHistory();
      }
    }
  });
}

/**
 * Decides what follows an error that left the plan: the run ends by the command that stopped it, or as failed where nothing was
 * changed yet. Anywhere else it blocks; undefined after `resume`, and the plan continues with what it has not completed.
 */
async function endOrBlock(run: MigrationRun, error: unknown): Promise<MigrationOutcome | undefined> {
  if (error instanceof StopRequested)
    return error.end === 'cancel' ? cancelRun(run, error.by) : rollBack(run, error.by);
  const failure = failureOf(error);
  if (failure === undefined) throw error;
  if (run.changedNothing) {
    await run.enter('preflight', 'failed', 'failed', 'engine', { error: failure });
    return { status: 'failed' };
  }
  try {
    await run.block('other', failure);
    return undefined;
  } catch (interruption) {
    return endOrBlock(run, interruption);
  }
}

/** Leaves rows and ledger as they are; a later run of the kind adopts them. */
async function cancelRun(run: MigrationRun, by: string): Promise<MigrationOutcome> {
  const releaseRanges = () => steps.releaseRanges(run.reference);
  // A worker that is frozen in a transaction would keep the ledger from recording the state.
  await run.enter('done', 'running', 'cancel', by, {}, releaseRanges);
  // From here on no lane can claim a range; one that claimed a moment ago loses its range.
  await releaseRanges();
  // What is in the middle of its steps goes back to where it was; what was moved stays.
  const inTransfer = new Saga(run.saga.undos.filter((undo) => undo === 'undoItems'));
  const left = await inTransfer.undoAll(() => undoItems(run.reference, 'unfinished'));
  if (left.length > 0) return endIncomplete(run, 'done', left);
  await run.enter('done', 'cancelled', 'cancelled', 'engine');
  return { status: 'cancelled' };
}

async function rollBack(run: MigrationRun, by: string): Promise<MigrationOutcome> {
  // A worker that is frozen in a transaction would keep the ledger from recording the state.
  await run.enter('rolling_back', 'running', 'rollback', by, {}, () => steps.releaseRanges(run.reference));
  const left = await run.saga.undoAll(async (undo) => undos[undo]?.(run.reference));
  if (left.length === 0) {
    await run.enter('done', 'rolled_back', 'rolled_back', 'engine');
    return { status: 'rolled_back' };
  }
  return endIncomplete(run, 'rolling_back', left);
}

/** Ends a run of which something could not be undone, and says what. */
async function endIncomplete(
  run: MigrationRun,
  stage: 'rolling_back' | 'done',
  left: readonly { undo: string; reason: string }[],
): Promise<MigrationOutcome> {
  const what = left.map(({ undo, reason }) => `${undo} (${reason})`).join(', ');
  const error = {
    type: 'undo_incomplete',
    message: `Not undone: ${what}`,
    hint: failureRule('undo_incomplete').hint,
  } as const;
  await run.enter(stage, 'failed', 'undo_incomplete', 'engine', { error });
  return { status: 'failed' };
}
