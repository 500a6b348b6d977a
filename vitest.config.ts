import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // scripts/record-histories.mjs records with the same servers that tests run on.
    include: [process.env.CUBESHIFT_RECORD === undefined ? 'test/**/*.test.ts' : 'test/replay/record.ts'],
    globalSetup: ['test/support/shared-servers.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Most of a test's time is waiting for servers.
    maxWorkers: 3,
  },
});
