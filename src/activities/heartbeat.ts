import { Context } from '@temporalio/activity';
import { Failure } from '../failures.js';

/** Tells how far a long step has come; call it after each commit or comparison. */
export type TellProgress = (position: unknown) => void;

const beatEveryMillis = 1000;
const firstPatienceMillis = 30_000;
const longestPatienceMillis = 10 * 60_000;

/**
 * Heartbeats with the position last told while `work` runs, so that one long statement neither counts as a death nor keeps
 * a cancellation from arriving. A step without progress is given up, and tried again with twice the patience: its worker
 * lives, but what it waits for may not. `signal` aborts on cancellation and when the step is given up; the next attempt
 * ends whatever session of this one is left.
 */
export async function heartbeating<T>(work: (tell: TellProgress, signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const patience = Math.min(longestPatienceMillis, firstPatienceMillis * 2 ** (context.info.attempt - 1));
  const givenUp = new AbortController();
  let position: unknown;
  let toldAt = performance.now();
  const stalled = new Promise<never>((_, reject) => {
    givenUp.signal.addEventListener('abort', () =>
      reject(new Failure('step_stalled', `A step made no progress for ${patience / 1000} s.`)),
    );
  });
  const beat = () => {
    if (performance.now() - toldAt < patience) context.heartbeat(position);
    else givenUp.abort();
  };
  const timer = setInterval(beat, beatEveryMillis);
  beat();
  try {
    const working = work(
      (next) => {
        position = next;
        toldAt = performance.now();
        context.heartbeat(position);
      },
      AbortSignal.any([context.cancellationSignal, givenUp.signal]),
    );
    // What a step that was given up still throws is nobody's any more.
    working.catch(() => undefined);
    return await Promise.race([working, stalled]);
  } finally {
    clearInterval(timer);
  }
}
