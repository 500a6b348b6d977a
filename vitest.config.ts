import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';
import { shortLivedFlags } from './test/support/node-flags.js';

export default defineConfig({
  test: {
    // scripts/record-histories.mjs records with the same servers that tests run on.
    include: [process.env.CUBESHIFT_RECORD === undefined ? 'test/**/*.test.ts' : 'test/replay/record.ts'],
    globalSetup: ['test/support/shared-servers.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // No module of the house keeps state: a process for all files of a worker costs a tenth less than one for each.
    isolate: false,
    // Much of a test’s time is waiting: four at a time keep two cores busy, and more would only starve each other.
    maxWorkers: 4,
    execArgv: [...shortLivedFlags],
    // What is built is run as it is.
    server: { deps: { external: [/\/dist\//] } },
    sequence: { sequencer: LongestFirst },
  },
});
