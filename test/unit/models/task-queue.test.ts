import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TaskQueue } from '../../../src/models/task-queue.js';

test('runs at most as many tasks at a time as it may, in their order, also after failures', async () => {
  const queue = new TaskQueue(2);
  const begun: number[] = [];
  let running = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 9 }, (_, task) =>
      queue.run(async () => {
        begun.push(task);
        running += 1;
        expect(running).toBeLessThanOrEqual(2);
        await sleep(task % 3);
        running -= 1;
        if (task % 4 === 0) throw new Error('failed');
        return task;
      }),
    ),
  );
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(3);
});
