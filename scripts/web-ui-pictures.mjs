// Makes the pictures of docs/temporal-web-ui.md anew: a real run on real servers, in Chromium:
// `node scripts/web-ui-pictures.mjs`.
import { spawnSync } from 'node:child_process';
import { prepare } from './prepare.mjs';

prepare();
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/e2e/temporal-web-ui.test.ts'],
  { env: { ...process.env, CUBESHIFT_PICTURES: 'on' }, stdio: ['ignore', 1, 2] },
);
process.exit(status ?? 1);
