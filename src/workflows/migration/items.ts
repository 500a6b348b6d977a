import { proxyActivities } from '@temporalio/workflow';
import type { ItemSteps } from '../../activities/item-steps.js';
import type { MigrationSteps } from '../../activities/migration-steps.js';
import { parallelItems, type RejectedItem } from '../../domain/migration/items.js';
import type { MigrationInput } from '../../domain/migration/migration.js';
import type { RequestProof } from '../../domain/plan-requests.js';
import type { CarriedRun } from '../lib/carried-run.js';
import { profiles } from '../lib/retry-profiles.js';
import type { MigrationRun } from '../lib/run.js';
import { type MigrationOutcome, runMigration } from '../lib/run-migration.js';
import { taskGroup } from '../lib/task-group.js';
import { copyEverything, hasTooManyRejects } from './copying.js';
import { executeCommand, handleRejects, type MovingStage } from './execute-command.js';
import { moveItem } from './item.js';
import { restUntilComplete } from './verifying.js';

// `finalize` is one transaction over all batches.
const { preflight, finalize } = proxyActivities<Pick<MigrationSteps, 'preflight' | 'finalize'>>(profiles.tableScan);
const { listItems, rejectItems } = proxyActivities<Pick<ItemSteps, 'listItems' | 'rejectItems'>>(profiles.stream);

/** Items of one round: few enough that its children are soon drained, before a new history or at a pause. */
const itemsOfRound = 100;

/**
 * Moves a kind whose rows have steps of their own, as comparing and activating a model: the plan, from top to bottom. First the
 * rows, then each item in a workflow of its own.
 */
export async function itemsMigration(
  input: MigrationInput,
  carried?: CarriedRun | null,
  proof?: RequestProof,
): Promise<MigrationOutcome> {
  return runMigration(input, carried ?? undefined, proof, async (run) => {
    // Before preflight already: what an earlier run of the kind left is undone by a rollback at any stage, items before their rows.
    run.saga.register('removeMovedRows');
    run.saga.register('undoItems');
    await run.begin();
    await run.once('preflight', async () => {
      const { estimatedRows } = await run.step('preflight', () => preflight(run.reference));
      run.estimatedRows = estimatedRows;
    });
    if (run.commandInProgress !== undefined) await executeCommand(run, run.commandInProgress);
    await run.once('copy', () => copyEverything(run));
    await run.once('items', () => moveItems(run, 'copying'));
    await run.once('accepted', () => restUntilComplete(run, () => moveItems(run, 'verifying')));
    await run.step('done', () => finalize(run.reference));
  });
}

/**
 * Takes every item through the steps that it has not made, some at the same time, round after round. A retry or a repair in the middle may
 * leave earlier items to be moved, and the rounds begin again.
 */
async function moveItems(run: MigrationRun, stage: MovingStage): Promise<void> {
  for (let after: string | null = null; ; ) {
    const from: string | null = after;
    after = await run.step(stage, () => moveRound(run, from));
    let beginsAgain = false;
    while (await run.step(stage, () => hasTooManyRejects(run))) {
      const action = await handleRejects(run, stage);
      if (action === 'rejects/retry' || action === 'repair') beginsAgain = true;
    }
    // No child is at work here: each round waits for its own.
    await run.renewHistory();
    if (beginsAgain) after = null;
    else if (after === null) break;
  }
  // A round that was stopped between an unfit item and its children has left these in the cube.
  await run.step(stage, () => rejectItems(run.reference, []));
}

/** Returns the id behind which the next round begins; null behind the last item. */
async function moveRound(run: MigrationRun, after: string | null): Promise<string | null> {
  const { items, next } = await listItems(run.reference, after, itemsOfRound);
  const left = [...items];
  const rejected: RejectedItem[] = [];
  const moveNext = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      const outcome = await moveItem(run.reference, item);
      if (outcome.kind === 'unfit') rejected.push({ item, ...outcome });
    }
  };
  await taskGroup(Array.from({ length: Math.min(parallelItems(run.input.kind), items.length) }, () => moveNext));
  if (rejected.length > 0) await rejectItems(run.reference, rejected);
  return next;
}
