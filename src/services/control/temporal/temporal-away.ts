import { Failure } from '../../../base/failures.js';

export function temporalAway(cause: unknown): Failure {
  return new Failure(
    'temporal_unreachable',
    'The Temporal server, or the control worker, did not answer the call in time; it may still be carried out.',
    { cause },
  );
}
