import { Failure, failureRule } from '../base/failures.js';
import type { Side } from '../domain/side.js';
import { atSide } from './databases.js';

/**
 * Runs statements for a user's request, which is valid: what one side's database refuses is the operator's to mend (rights, tables,
 * settings), and no fault of the user's. What it throws leaves as that side's failures.
 */
export function forUser<T>(side: Side, work: () => Promise<T>): Promise<T> {
  return atSide(side, work).catch((error: unknown) => {
    if (!(error instanceof Failure) || failureRule(error.type).httpStatus >= 500) throw error;
    throw new Failure('unexpected', error.message, { hint: error.hint, cause: error.cause });
  });
}
