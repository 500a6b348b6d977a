// Records the histories that test/replay replays, anew: real servers, the engine's own programs, one run a scenario.
// `node scripts/record-histories.mjs [scenario…]`; test/replay/README.md says what it does and when to call it.
import { spawnSync } from 'node:child_process';
import { prepare } from './prepare.mjs';

prepare();
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run'], {
  env: { ...process.env, CUBESHIFT_RECORD: process.argv.slice(2).join(',') || 'all' },
  stdio: ['ignore', 1, 2],
});
process.exit(status ?? 1);
