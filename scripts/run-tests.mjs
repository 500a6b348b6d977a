import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs the test files that are named, all of them without a name, by this Node.js. Returns how many tests passed and failed. */
export function runTests(node, files) {
  const folder = mkdtempSync(join(tmpdir(), 'cubeshift-tests-'));
  const results = join(folder, 'results.json');
  const { status } = spawnSync(
    node,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${results}`,
      ...files,
    ],
    { stdio: ['ignore', 1, 2] },
  );
  const counted = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : {};
  rmSync(folder, { recursive: true, force: true });
  const passed = counted.numPassedTests ?? 0;
  const right = status === 0 && passed > 0;
  // A file that cannot be loaded fails without a test of its own.
  return { passed, failed: right ? 0 : Math.max(1, counted.numFailedTests ?? 0) };
}
