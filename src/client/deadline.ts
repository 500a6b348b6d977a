import type { CallFailure } from './cube-api-error.js';

/** The time limit of a call, with all its attempts and waits, and the caller's own signal. */
export interface Deadline {
  /** Aborts at the deadline, and with the caller's signal. */
  readonly signal: AbortSignal;
  /** Why the signal was aborted; undefined while it is not. */
  failure(): CallFailure | undefined;
  /** Resolves with true after the given milliseconds; with false at once without enough time, or when the caller aborts. */
  wait(millis: number): Promise<boolean>;
  /** Releases the timer and the caller's signal. */
  end(): void;
}

/** Not AbortSignal.any and .timeout: older browsers lack the first, and the second cannot be cancelled. */
export function startDeadline(millis: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const endsAt = performance.now() + millis;
  let failure: CallFailure | undefined;
  const abort = (why: CallFailure, reason?: unknown) => {
    failure ??= why;
    controller.abort(reason);
  };
  const abortByCaller = () => abort({ kind: 'aborted' }, caller?.reason);
  const timer = setTimeout(() => abort({ kind: 'timed_out', millis }), Math.min(millis, maxTimer));
  if (caller?.aborted) abortByCaller();
  else caller?.addEventListener('abort', abortByCaller, { once: true });
  const { signal } = controller;
  return {
    signal,
    failure: () => failure,
    wait: (pause) =>
      new Promise((resolve) => {
        if (signal.aborted || performance.now() + pause >= endsAt) return resolve(false);
        const stop = () => {
          clearTimeout(waiting);
          resolve(false);
        };
        const waiting = setTimeout(() => {
          signal.removeEventListener('abort', stop);
          resolve(true);
        }, pause);
        signal.addEventListener('abort', stop, { once: true });
      }),
    end: () => {
      clearTimeout(timer);
      caller?.removeEventListener('abort', abortByCaller);
    },
  };
}

/** A longer timer would fire at once. */
const maxTimer = 2 ** 31 - 1;
