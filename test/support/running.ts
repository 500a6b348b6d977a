import { afterEach } from 'vitest';

/** For a test file: what is started through the function that it returns is stopped after each test, the last one first. */
export function stoppedAfterEachTest() {
  const stops: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });
  return async <T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting;
    stops.push(() => started.stop());
    return started;
  };
}
