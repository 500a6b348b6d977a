import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { liveEnvironment } from '../../../src/cli/current-stack.js';
import { StackHome } from '../../../src/state/home.js';

const former = process.env.CUBESHIFT_HOME;
const folder = mkdtempSync(join(tmpdir(), 'cubeshift-env-'));
afterEach(() => {
  if (former === undefined) delete process.env.CUBESHIFT_HOME;
  else process.env.CUBESHIFT_HOME = former;
  rmSync(folder, { recursive: true, force: true });
});

test('what a shell would not take for a variable is not printed', () => {
  process.env.CUBESHIFT_HOME = folder;
  const names = ['x;touch here;y', '$(id)', 'A B', 'A\nB', '1A', '', 'lower', '_A', "A'"];
  const environment = Object.fromEntries(names.map((name) => [name, 'value']));
  new StackHome(folder).recordEnvironment({ ...environment, REDIS_URL: 'redis://h', A_1: '$(id)' });
  expect(liveEnvironment()).toEqual({ REDIS_URL: 'redis://h', A_1: '$(id)' });
});
