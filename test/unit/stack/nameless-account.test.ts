import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';

const folder = mkdtempSync(join(tmpdir(), 'cubeshift-nameless-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As a container runs a program under a number that no account has. */
function nameless(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawnSync('unshare', ['--user', '--map-user=54321', '--', process.execPath, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TMPDIR: folder, CUBESHIFT_HOME: join(folder, 'home'), ...env },
  });
}
const built = (name: string) => join(packageRoot(), 'dist', 'src', name);
const canBeNameless = nameless(['-e', '']).status === 0;

test.skipIf(!canBeNameless)('an account without a name chooses ports for a stack', () => {
  const program = `
    import { StackHome } from ${JSON.stringify(pathToFileURL(built('state/home.js')).href)};
    const home = new StackHome(process.env.CUBESHIFT_HOME);
    home.prepare();
    console.log(Object.keys((await home.settings(new Set())).ports).length > 5);`;
  const { stdout, stderr } = nameless(['--input-type=module', '-e', program]);
  expect([stderr, stdout]).toEqual(['', 'true\n']);
});

test.skipIf(!canBeNameless)('an account without a name gets the same advice about a database as any other', () => {
  const url = 'postgres://127.0.0.1:1/heal7';
  const { stdout, stderr, status } = nameless([built('cli/main.js'), 'check'], { LEGACY_DATABASE_URL: url });
  expect(stdout).toContain('LEGACY_DATABASE_URL');
  expect(stdout + stderr).not.toContain('SystemError');
  expect(status).toBe(3);
});
