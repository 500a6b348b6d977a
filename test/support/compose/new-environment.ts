import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../src/base/package-root.js';
import { parseEnvFile } from './interpolation.js';

/** Runs `deploy/new-env.sh` in a folder that has of a checkout what it needs; returns the variables of the `.env` there. */
export function newEnvironment(checkout: string, ...args: readonly string[]): Readonly<Record<string, string>> {
  mkdirSync(join(checkout, 'deploy'), { recursive: true });
  for (const name of ['.env.example', 'deploy/new-env.sh'])
    copyFileSync(join(packageRoot(), name), join(checkout, name));
  execFileSync('sh', [join(checkout, 'deploy/new-env.sh'), ...args], { stdio: 'pipe' });
  return parseEnvFile(readFileSync(join(checkout, '.env'), 'utf8'));
}
