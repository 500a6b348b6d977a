import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { planIsEndingType } from '../../../domain/plan-requests.js';
import { notPossible } from './possible-commands.js';

/** What came of an update that a plan accepted. */
export interface UpdateAnswer<T> {
  /** False where the plan did not apply it in the time of a call. */
  readonly isApplied: boolean;
  /** The plan's answer; undefined while there is none. */
  readonly answer: T | undefined;
}

/** A plan that ended, or was ended by force, before it accepted or applied an update. */
export class PlanHasEnded extends Error {}

/** A plan that refused an update because it is about to end. */
export class PlanIsEnding extends Error {}

/** Whether the plan accepted an update and was terminated before it answered it: no plan applies the update any more. */
export function wasLost(error: unknown): boolean {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === 'AcceptedUpdateCompletedWorkflow';
}

export function isFromEndingPlan(error: unknown): boolean {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === planIsEndingType;
}

/** Throws a plan's own refusal of a request, with the actions that fit now where the plan named them. */
export function throwRejectedUpdate(error: unknown): void {
  if (!(error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure)) return;
  const { message, details } = error.cause;
  const [detail] = details ?? [];
  const actions =
    typeof detail === 'object' && detail !== null && 'actions' in detail && Array.isArray(detail.actions)
      ? detail.actions.map(String)
      : [];
  throw notPossible(message, actions);
}
