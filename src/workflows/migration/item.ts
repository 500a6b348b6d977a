import {
  CancelledFailure,
  TerminatedFailure,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdReusePolicy,
} from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { ItemSteps } from '../../activities/item-steps.js';
import { kindEntry } from '../../domain/catalog.js';
import { type ItemOutcome, type ItemRef, itemName, itemSteps } from '../../domain/migration/items.js';
import { workflowIdOf } from '../../domain/migration/migration.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { summaryLine } from '../../domain/summary-line.js';
import { cubeAttribute, kindAttribute } from '../lib/messages.js';
import { profiles } from '../lib/retry-profiles.js';

const { runItemStep } = proxyActivities<Pick<ItemSteps, 'runItemStep'>>(profiles.stream);
const { undoItem } = proxyActivities<Pick<ItemSteps, 'undoItem'>>(profiles.undo);

/** `stopped`: paused or cancelled with its run; what it did is in the ledger, and it continues from there when it is started again. */
type ItemEnd = ItemOutcome | { readonly kind: 'stopped' };

/**
 * Takes one item through its steps. Each is registered for undo before it runs; an item that a step finds unfit is taken back, the
 * last step first.
 */
export async function itemMigration(run: RunReference, item: ItemRef): Promise<ItemEnd> {
  // The audit records the requests that a plan receives: a part of a plan is started by the plan alone.
  if (workflowInfo().parent?.workflowId !== workflowIdOf(run.kind, run.migrationId))
    throw ApplicationFailure.nonRetryable('An item is moved by the plan of its migration alone.', 'invalid_input');
  const steps = itemSteps(run.kind);
  const show = (status: string, sentence: string) => setCurrentDetails(itemDetails(run, steps, status, sentence));
  try {
    for (const step of steps) {
      show('running', `at \`${step}\`.`);
      const outcome = await runItemStep(run, item, step);
      if (outcome.kind === 'done') continue;
      show('unfit', `at \`${step}\`: \`${outcome.reason}\`; its steps are undone, and it becomes a reject.`);
      // Stopped in its middle, it is finished by the step that finds the item unfit again.
      await undoItem(run, item);
      return outcome;
    }
    show('done', 'every step was made.');
    return { kind: 'done' };
  } catch (error) {
    if (!isCancellation(error)) throw error;
    show('stopped', 'with its run; when that continues, it is started again from where it is.');
    return { kind: 'stopped' };
  }
}

/** An item as an operator reads it in Temporal, in Markdown. */
function itemDetails(run: RunReference, steps: readonly string[], status: string, sentence: string): string {
  return [
    `**${status}**: ${sentence}`,
    `Steps: ${steps.join(', ')}`,
    `Its migration: \`cubeshift migrate status ${run.migrationId}\``,
  ].join('\n\n');
}

/**
 * Has an item moved by a workflow of its own, and waits for its end. A pause or a cancellation of the run reaches it, and is waited
 * for too. Left by a plan that was lost, it is stopped and started again.
 */
export async function moveItem(run: RunReference, item: ItemRef): Promise<ItemOutcome> {
  const workflowId = `${workflowIdOf(run.kind, run.migrationId)}/${itemName(run.kind, item)}`;
  const scope = CancellationScope.current();
  for (let attempt = 0; ; attempt++) {
    try {
      const end = await endOfItem(workflowId, run, item);
      if (end.kind !== 'stopped') return end;
      // Stopped from outside, by Temporal's own means, it is started again.
      if (scope.consideredCancelled) throw new CancelledFailure('The item was stopped with its run.');
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) await cancelItem(workflowId);
      else if (!(error instanceof ChildWorkflowFailure)) throw error;
      else if (!isOvertaken(error.cause)) throw error.cause ?? error;
      await sleep(Math.min(1000 * 2 ** attempt, maxWaitMillis), { summary: 'Wait before the item is started again' });
    }
  }
}

const maxWaitMillis = 60_000;

/** Ended from outside, or by a step that the run had gone on from: what is left is done by starting the item again. */
function isOvertaken(cause: unknown): boolean {
  return (
    cause instanceof TerminatedFailure ||
    (cause instanceof ActivityFailure && cause.cause instanceof ApplicationFailure && cause.cause.type === 'claim_lost')
  );
}

/**
 * A start is not cancelled in its middle: the server would look for a workflow that is not there yet, and the cancellation would
 * be lost. The item is cancelled once it has started.
 */
async function endOfItem(workflowId: string, run: RunReference, item: ItemRef): Promise<ItemEnd> {
  const scope = CancellationScope.current();
  const started = await CancellationScope.nonCancellable(async () => {
    const child = await startChild(itemMigration, {
      workflowId,
      args: [run, item],
      // A plan that is terminated leaves no step in its middle: the item comes to its own end.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      typedSearchAttributes: [
        { key: kindAttribute, value: run.kind },
        { key: cubeAttribute, value: kindEntry(run.kind).cube },
      ],
      staticSummary: summaryLine(`Item ${itemName(run.kind, item)} of ${run.kind} ${run.migrationId}`),
      staticDetails: `Takes one item through its steps: ${itemSteps(run.kind).join(', ')}. Steer its migration, not the item: \`cubeshift migrate status ${run.migrationId}\``,
    });
    return { end: child.result() };
  });
  let hasEnded = false;
  scope.cancelRequested.catch(() => (hasEnded ? undefined : cancelItem(workflowId)));
  return started.end.finally(() => {
    hasEnded = true;
  });
}

/** Whatever becomes of the run: an item that has ended meanwhile needs no cancellation. */
function cancelItem(workflowId: string): Promise<void> {
  return CancellationScope.nonCancellable(() => getExternalWorkflowHandle(workflowId).cancel()).catch(() => undefined);
}
