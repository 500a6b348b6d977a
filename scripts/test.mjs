// Runs every test (or those whose file names are given) and ends with the line `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from './prepare.mjs';

prepare();
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-tests-'));
const results = join(folder, 'results.json');
const { status } = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${results}`,
    ...process.argv.slice(2),
  ],
  { stdio: ['ignore', 1, 2] },
);
const counted = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : {};
rmSync(folder, { recursive: true, force: true });
const passed = counted.numPassedTests ?? 0;
const right = status === 0 && passed > 0;
// A file that cannot be loaded fails without a test of its own.
const failed = right ? 0 : Math.max(1, counted.numFailedTests ?? 0);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(right ? 0 : 1);
