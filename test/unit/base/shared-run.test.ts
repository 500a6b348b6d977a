import { expect, test } from 'vitest';
import { SharedRun } from '../../../src/base/shared-run.js';

/** Runs that end when they are told to. */
function steppedRuns() {
  const ends: (() => void)[] = [];
  const failing = new Set<number>();
  const shared = new SharedRun(async () => {
    const run = ends.length + 1;
    await new Promise<void>((resolve) => ends.push(resolve));
    if (failing.has(run)) throw new Error(`run ${run} failed`);
    return run;
  });
  const end = async (run: number) => {
    await expect.poll(() => ends.length).toBeGreaterThanOrEqual(run);
    ends[run - 1]?.();
  };
  return { shared, begun: () => ends.length, end, failing };
}

test('who asks while one is under way shares the next one, which begins after it', async () => {
  const { shared, begun, end } = steppedRuns();
  const first = shared.run();
  const [second, third] = [shared.run(), shared.run()];
  expect(begun()).toBe(1);
  await end(1);
  expect(await first).toBe(1);
  await end(2);
  expect([await second, await third, begun()]).toEqual([2, 2, 2]);
  const fourth = shared.run();
  await end(3);
  expect(await fourth).toBe(3);
});

test('a failure belongs to those who waited for it, not to the next', async () => {
  const { shared, end, failing } = steppedRuns();
  failing.add(1);
  const first = shared.run();
  const second = shared.run();
  const failed = expect(first).rejects.toThrow('run 1 failed');
  await end(1);
  await failed;
  await end(2);
  expect(await second).toBe(2);
});
