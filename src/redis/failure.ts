import { Failure } from '../base/failures.js';

/** What a failed command of Redis means to who asked for it. */
export function redisFailure(error: unknown): Failure {
  return error instanceof Failure
    ? error
    : new Failure('redis_unreachable', 'Redis did not answer the call; it may still have been carried out.', {
        cause: error,
      });
}
