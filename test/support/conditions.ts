import { setTimeout as sleep } from 'node:timers/promises';

/** The pauses between two looks: short at first, longer the longer it takes, since looking takes the processor from what is waited for. */
const pauses = { shortest: 25, longest: 300, ofTheWait: 0.12 };

/** Waits until `look` gives something other than undefined and false; fails with `what` after `millis`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  millis = 60_000,
): Promise<T> {
  const start = Date.now();
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    const waited = Date.now() - start;
    if (waited > millis) throw new Error(`waited ${millis} ms in vain for: ${what}`);
    await sleep(Math.min(pauses.longest, Math.max(pauses.shortest, waited * pauses.ofTheWait)));
  }
}
