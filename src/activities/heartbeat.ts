import { Context } from '@temporalio/activity';
import { Failure } from '../base/failures.js';
import type { Databases } from '../postgres/databases.js';
import { cancellable } from '../postgres/stoppable.js';

/** Tells how far a long step has come; call it after each commit or comparison. */
export type ReportProgress = (position: unknown) => void;

/** A cancellation comes with the answer to a heartbeat: this often, so that a pause takes no longer than it may. */
const beatEveryMillis = 400;
const firstGraceMillis = 30_000;
const maxGraceMillis = 10 * 60_000;
/** Of a statement or two: past the ten seconds a connection may take. */
const shortGraceMillis = 13_000;
/** An attempt is given up here this long before the server gives it up, which does not know why. */
const earlierMillis = 2000;

const locksHint =
  "See who holds locks in the cube database: select pid, pg_blocking_pids(pid), query from pg_stat_activity where wait_event_type = 'Lock'; the run continues by itself once they are released.";

/**
 * Heartbeats with the last reported position while `work` runs, so that one long statement neither counts as a death nor keeps
 * a cancellation from arriving. A step without progress is given up, and retried with twice the grace period: its worker
 * lives, but what it waits for may not. `signal` aborts on cancellation and when the step is given up: what it has the
 * servers do through its `databases` is cancelled then; the next attempt ends whatever session of this one is left.
 */
export async function heartbeating<T>(
  databases: Databases,
  work: (step: { databases: Databases; reportProgress: ReportProgress; signal: AbortSignal }) => Promise<T>,
  { isShort = false } = {},
): Promise<T> {
  const context = Context.current();
  const { attempt, startToCloseTimeoutMs } = context.info;
  const firstMillis = isShort ? shortGraceMillis : firstGraceMillis;
  // Of a shorter attempt too little would be left: the server gives it up.
  const isLong = startToCloseTimeoutMs > 2 * earlierMillis;
  const attemptMillis = isLong ? startToCloseTimeoutMs - earlierMillis : maxGraceMillis;
  const grace = Math.min(maxGraceMillis, attemptMillis, firstMillis * 2 ** (attempt - 1));
  const givenUp = new AbortController();
  let position: unknown;
  let lastProgressAt = performance.now();
  const stalled = new Promise<never>((_, reject) => {
    givenUp.signal.addEventListener('abort', () =>
      reject(
        new Failure(
          'step_stalled',
          `A step made no progress for ${grace / 1000} s.`,
          isShort ? { hint: locksHint } : {},
        ),
      ),
    );
  });
  const beat = () => {
    if (performance.now() - lastProgressAt < grace) context.heartbeat(position);
    else givenUp.abort();
  };
  const timer = setInterval(beat, beatEveryMillis);
  // Most short steps are over before there is anything to hear.
  if (!isShort) beat();
  const signal = AbortSignal.any([context.cancellationSignal, givenUp.signal]);
  const stopping = cancellable(databases, signal);
  try {
    const working = work({
      databases: stopping.databases,
      reportProgress: (next) => {
        position = next;
        lastProgressAt = performance.now();
        context.heartbeat(position);
      },
      signal,
    });
    // What a step still throws after it was given up has no caller any more.
    working.catch(() => undefined).finally(stopping.release);
    return await Promise.race([working, stalled]);
  } finally {
    clearInterval(timer);
  }
}
