import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.js';
import { runCommand } from '../support/command-line.js';
import { testSecret } from '../support/engine.js';

/** Programs and commands that are given a store within a folder of legacy's. */
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'cubeshift-apart-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const sentences = (names: string) => [
  `CUBE_STORAGE_URL must be a folder apart from that of ${names}: it lies inside, holds it, or is the same.`,
  'Nothing was started, and nothing was written to any of these folders.',
  `Set CUBE_STORAGE_URL to a folder that neither lies in that of ${names} nor holds it, then start again.`,
];

const within = (names: readonly string[]) => ({
  CUBE_STORAGE_URL: join(root, 'legacy', 'store'),
  ...Object.fromEntries(names.map((name) => [name, join(root, 'legacy')])),
});

test.each([
  ['workers/bulk.js', ['LEGACY_MODEL_DIR', 'LEGACY_STORAGE_DIR']],
  ['services/paperwork/main.js', ['LEGACY_STORAGE_DIR']],
  ['services/ai/main.js', ['LEGACY_MODEL_DIR']],
] as const)('%s does not start', async (program, names) => {
  const child = spawn(process.execPath, [join(packageRoot(), 'dist', 'src', program)], {
    env: {
      PATH: process.env.PATH,
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      LEGACY_DATABASE_URL: 'postgres://127.0.0.1:1/heal7',
      CUBE_DATABASE_URL: 'postgres://127.0.0.1:1/cubes',
      REDIS_URL: 'redis://127.0.0.1:1',
      CUBE_JWT_SECRET: testSecret,
      ...within(names),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect([code, said.trim().split('\n')]).toEqual([2, sentences(names.join(' and of '))]);
});

test('up does not start a stack, and makes no folder', async () => {
  for (const variables of [
    within(['LEGACY_STORAGE_DIR']),
    // The store of a stack lies in its state folder, where nothing else is said.
    { LEGACY_STORAGE_DIR: root },
  ]) {
    const home = join(root, 'home');
    const { code, stderr } = await runCommand(['up', '--detach'], { ...variables, CUBESHIFT_HOME: home });
    expect([code, stderr.trim().split('\n')]).toEqual([2, sentences('LEGACY_STORAGE_DIR')]);
    expect(existsSync(home)).toBe(false);
  }
});

test('check says what is wrong and what to do', async () => {
  for (const variables of [within(['LEGACY_MODEL_DIR']), { LEGACY_MODEL_DIR: root }]) {
    const environment = { ...variables, CUBESHIFT_HOME: join(root, 'home') };
    const { code, stdout } = await runCommand(['check'], environment);
    const [what, , hint] = sentences('LEGACY_MODEL_DIR');
    expect(code).toBe(2);
    expect(stdout).toMatch(new RegExp(`^wrong +CUBE_STORAGE_URL +${what}$`, 'm'));
    expect(stdout).toContain(hint);
  }
  const apart = { LEGACY_MODEL_DIR: join(root, 'legacy'), CUBE_STORAGE_URL: join(root, 'store') };
  const { code, stdout } = await runCommand(['check'], { ...apart, CUBESHIFT_HOME: join(root, 'home') });
  expect([code, stdout]).toEqual([0, expect.not.stringContaining('CUBE_STORAGE_URL')]);
});
