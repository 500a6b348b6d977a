import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/base/package-root.js';
import { defaultCacheFolder } from '../../src/stack/downloads/fetch.js';

const run = promisify(execFile);

/**
 * A folder for PYTHONPATH with the packages of a file in test/outside: fetched once, by the checksums in that file. Another
 * list of packages needs another name.
 */
export async function pythonPackages(name: string, requirements: string): Promise<string> {
  const cache = defaultCacheFolder(process.env);
  const home = join(cache, name);
  if (existsSync(home)) return home;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, `.${name}-`));
  const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes', '--only-binary=:all:'];
  const file = join(packageRoot(), 'test', 'outside', requirements);
  try {
    await run('python3', ['-m', 'pip', 'install', ...options, '--target', join(scratch, 'packages'), '-r', file]);
    // A folder that another process put there meanwhile is as good as this one.
    if (!existsSync(home)) renameSync(join(scratch, 'packages'), home);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return home;
}
