import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { type FailureReport, failureRule, isFailureType } from '../../base/failures.js';

/** The known failure behind an activity's error; undefined for a cancellation or a defect of the plan itself. */
export function failureOf(error: unknown): FailureReport | undefined {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return undefined;
  const type = isFailureType(error.cause.type) ? error.cause.type : 'unexpected';
  const [detail] = error.cause.details ?? [];
  const hint =
    typeof detail === 'object' && detail !== null && 'hint' in detail ? String(detail.hint) : failureRule(type).hint;
  return { type, message: error.cause.message, hint };
}
