import type { CallFailure } from './cube-api-error.js';

/** The time that a call may take, all its attempts and waits together, and the caller's own signal. */
export interface Deadline {
  /** For whatever works towards the answer. */
  readonly signal: AbortSignal;
  /** Why the signal was aborted; undefined while it is not. */
  failure(): CallFailure | undefined;
  /** Returns after so many milliseconds, or at once, false, when there is not so much time left or the caller leaves. */
  wait(millis: number): Promise<boolean>;
  /** Lets go of the timer and of the caller's signal. */
  end(): void;
}

/** Not AbortSignal.any and .timeout: browsers of a few years ago lack the one, and the other cannot be taken back. */
export function startDeadline(millis: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const endsAt = performance.now() + millis;
  let failure: CallFailure | undefined;
  const abort = (why: CallFailure, reason?: unknown) => {
    failure ??= why;
    controller.abort(reason);
  };
  const leave = () => abort({ kind: 'aborted' }, caller?.reason);
  const timer = setTimeout(() => abort({ kind: 'timed_out', millis }), Math.min(millis, maxTimer));
  if (caller?.aborted) leave();
  else caller?.addEventListener('abort', leave, { once: true });
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
      caller?.removeEventListener('abort', leave);
    },
  };
}

/** A timer for longer would go off at once. */
const maxTimer = 2 ** 31 - 1;
