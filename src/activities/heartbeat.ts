import { Context } from '@temporalio/activity';

/** Tells how far a long step has come; call it after each commit or comparison. */
export type TellProgress = (position: unknown) => void;

const beatEveryMillis = 1000;
/** Longer than any one statement of a step takes on a slow server. */
const stallMillis = 5 * 60_000;

/**
 * Heartbeats with the position last told while `work` runs, so that one long statement neither counts as a death nor keeps
 * a cancellation from arriving. A step that makes no progress for five minutes falls silent: its worker lives, but what
 * it waits for does not, and the next attempt ends its sessions and goes on.
 */
export async function heartbeating<T>(work: (tell: TellProgress) => Promise<T>): Promise<T> {
  const context = Context.current();
  let position: unknown;
  let toldAt = performance.now();
  const beat = () => {
    if (performance.now() - toldAt < stallMillis) context.heartbeat(position);
  };
  const timer = setInterval(beat, beatEveryMillis);
  beat();
  try {
    return await work((next) => {
      position = next;
      toldAt = performance.now();
      beat();
    });
  } finally {
    clearInterval(timer);
  }
}
