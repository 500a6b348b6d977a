import { writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/**
 * What the program of a `LimitedProcess` calls: answers the requests of its parent in their order. The work may block the event loop; the
 * parent measures and ends it.
 */
export function serveRequests<Request, Answer>(answer: (request: Request) => Promise<Answer>): void {
  let last = Promise.resolve();
  process.on('message', (request: Request) => {
    last = last.then(async () => {
      process.send?.(await answer(request));
    });
  });
  process.once('disconnect', () => process.exit(0));
  // A terminal sends these to the whole group: the parent answers its requests first.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  endWithParent();
  try {
    // Where memory runs out, the kernel ends this process and none that serves users.
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Another operating system.
  }
}

/**
 * In another thread, since a computation without end would keep this one from noticing that the parent has died. The parent says who it
 * is: it may have died before this thread begins.
 */
function endWithParent(): void {
  new Worker(
    `const { workerData: parent } = require('node:worker_threads');
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 500);`,
    {
      eval: true,
      workerData: Number(process.env.PARENT_PROCESS),
      resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
    },
  ).unref();
}
