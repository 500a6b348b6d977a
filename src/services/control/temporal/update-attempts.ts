import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { throwRejectedUpdate } from './update-outcome.js';

/**
 * The server drops an update when the workflow task that brought it fails, though the next one may succeed: one that ends a
 * plan fails whenever something else happens to the plan meanwhile. Sent again under the same id it is applied once; the
 * deadline of the call ends the attempts.
 */
export async function untilAccepted<T>(request: object, send: (options: UpdateOptions) => Promise<T>): Promise<T> {
  const options: UpdateOptions = { updateId: randomUUID(), args: [request] };
  for (let pause = firstPauseMillis; ; pause = Math.min(2 * pause, maxPauseMillis)) {
    try {
      return await send(options);
    } catch (error) {
      throwRejectedUpdate(error);
      if (!isDropped(error)) throw error;
    }
    await sleep(pause);
  }
}

export interface UpdateOptions {
  readonly updateId: string;
  readonly args: [object];
}

const firstPauseMillis = 50;
/** For what does not pass, as a plan that no longer replays. */
const maxPauseMillis = 1000;
/** The gRPC status code of a server that is not in the state that a call needs. */
const failedPrecondition = 9;

function isDropped(error: unknown): boolean {
  // The client wraps what comes of an update alone, and not what comes of one that starts its plan.
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && cause.code === failedPrecondition;
}
