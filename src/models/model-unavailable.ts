import { Failure } from '../base/failures.js';
import type { EndReason } from '../processes/limited-process.js';
import type { LoadFailureKind } from './messages.js';

/**
 * Why a model cannot be run now. The first five are of the model itself; `artifact_unavailable`: its files could not be taken out of the
 * store, or no process could be started for them; `disk_full`: there was no space to lay them out; `overloaded`: too many requests wait
 * for it; `overdue`: a request waited for longer than its client does.
 */
export type UnavailableReason =
  | LoadFailureKind
  | EndReason
  | 'artifact_unavailable'
  | 'disk_full'
  | 'overloaded'
  | 'overdue';

/** `waitMillis`: after so long another request has a chance. The cause is for the log: it may name folders, which the message does not. */
export function modelUnavailable(reason: UnavailableReason, waitMillis: number, cause?: unknown): Failure {
  const seconds = Math.max(1, Math.ceil(waitMillis / 1000));
  return new Failure('upstream_unavailable', sentences[reason] ?? 'The model cannot be run now.', {
    safe: 'No prediction was made; other models are served.',
    hint: `Try again in ${seconds} s.`,
    cause,
    details: { reason, retryAfterSeconds: seconds, isOfItem: true },
  });
}

const sentences: Partial<Readonly<Record<UnavailableReason, string>>> = {
  overloaded: 'Too many predictions of the model wait to be computed.',
  overdue: 'The prediction was not computed in time.',
};
