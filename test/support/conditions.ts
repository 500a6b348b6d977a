import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `look` gives something other than undefined and false; fails with `what` after `millis`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  millis = 60_000,
): Promise<T> {
  const deadline = Date.now() + millis;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited ${millis} ms in vain for: ${what}`);
    await sleep(25);
  }
}
