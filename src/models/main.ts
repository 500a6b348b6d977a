import { writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { ModelRequest } from './messages.js';
import { Sessions } from './sessions.js';

/**
 * Entry point of a model process: the child of a program that has models computed. It answers in the order of the requests. The
 * runtime blocks its event loop while it computes; its parent measures and ends it.
 */
const sessions = new Sessions();
let last = Promise.resolve();
process.on('message', (request: ModelRequest) => {
  last = last.then(async () => {
    const answer = await sessions.answer(request);
    process.send?.(answer);
  });
});
process.once('disconnect', () => process.exit(0));
// A terminal sends these to the whole group: the parent answers its requests first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

// In another thread, since a computation without end would keep this one from noticing that the parent has died. The parent says who
// it is: it may have died before this thread begins.
new Worker(
  `const { workerData: parent } = require('node:worker_threads');
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 500);`,
  {
    eval: true,
    workerData: Number(process.env.MODEL_PARENT),
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  },
).unref();

try {
  // Where memory runs out, the kernel ends this process and none that serves users.
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Another operating system.
}
