import { setTimeout as sleep } from 'node:timers/promises';

/** Waits. Throws the reason of the signal, whatever it is, as soon as it comes. */
export async function sleepUnder(signal: AbortSignal, millis: number): Promise<void> {
  signal.throwIfAborted();
  await sleep(millis, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}
