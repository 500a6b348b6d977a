import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.js';
import type { Release } from '../../src/domain/deployment/releases.js';

/** How a version of the tests' cube behaves. */
export type FakeBehaviour =
  | 'good'
  | 'does_not_start'
  | 'starts_and_dies'
  | 'never_ready'
  | 'ready_once_told'
  | 'wrong'
  | 'sick'
  | 'sick_when_told'
  | 'notes_environment';

/** A version of the saju cube that is none: a small program that registers and answers as one. */
export function fakeRelease(
  version: string,
  behaviour: FakeBehaviour = 'good',
  env: Readonly<Record<string, string>> = {},
): Release {
  return {
    cube_id: 'saju-cube',
    version,
    command: process.execPath,
    args: [join(packageRoot(), 'test', 'support', 'fake-cube.mjs')],
    env: { FAKE_CUBE: behaviour, ...env },
    created_at: new Date().toISOString(),
  };
}
