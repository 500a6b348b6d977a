import type { RollbackStatus } from './rollback.js';

/** An emergency rollback, as far as it decides what a further call for one means. */
export interface RollbackUnderWay {
  readonly status: RollbackStatus;
  /** The version that it goes to; null while that is not known. */
  readonly goesTo: string | null;
}

/**
 * What a call for a rollback to `targetVersion` (null: the warm one) is to the one under way. `joins`: it is the same. `answers`: it
 * names the version that a person was called for. `needs_person`: a person has to answer first. `is_ending`: the plan ends at this moment, and
 * the call starts another. `is_other`: the rollback goes to another version.
 */
export function joinedAs(
  { status, goesTo }: RollbackUnderWay,
  targetVersion: string | null,
): 'joins' | 'answers' | 'needs_person' | 'is_ending' | 'is_other' {
  if (status === 'escalated') return targetVersion === null ? 'needs_person' : 'answers';
  // A person who has taken over ends a rollback without its work: who joined it would wait for nothing.
  if (status === 'acknowledged') return 'is_ending';
  if (targetVersion === null || targetVersion === goesTo) return 'joins';
  return status === 'running' ? 'is_other' : 'is_ending';
}
