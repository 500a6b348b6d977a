import { Failure } from '../base/failures.js';

/** The failure that a caller gets for a failed command of Redis. */
export function redisFailure(error: unknown): Failure {
  return error instanceof Failure
    ? error
    : new Failure('redis_unreachable', 'Redis did not answer the call; it may still have been carried out.', {
        cause: error,
      });
}
