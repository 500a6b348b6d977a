import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/base/package-root.js';
import { copyTree } from '../containers/files.js';
import { parseEnvFile } from './interpolation.js';

/** Runs `deploy/new-env.sh` in a folder that has of a checkout what it needs, closed to other users; returns the variables of the `.env` there. */
export function newEnvironment(checkout: string, ...args: readonly string[]): Readonly<Record<string, string>> {
  for (const name of ['.env.example', 'deploy/new-env.sh', 'deploy/postgres'])
    if (!existsSync(join(checkout, name))) copyTree(join(packageRoot(), name), join(checkout, name), 'copy-closed');
  execFileSync('sh', [join(checkout, 'deploy/new-env.sh'), ...args], { stdio: 'pipe' });
  return parseEnvFile(readFileSync(join(checkout, '.env'), 'utf8'));
}
