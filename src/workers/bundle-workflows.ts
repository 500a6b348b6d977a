import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { bundleWorkflowCode } from '@temporalio/worker';
import { workflowBundlePath } from './worker.js';

/** Build step: bundles the compiled plans into the one file that control workers load. */
const { code } = await bundleWorkflowCode({
  workflowsPath: createRequire(import.meta.url).resolve('../workflows/index.js'),
  logger: {
    log: ignore,
    trace: ignore,
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (message) => process.stderr.write(`${message}\n`),
  },
});
await writeFile(workflowBundlePath, code);

function ignore(): void {}
