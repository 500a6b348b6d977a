import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Failure } from '../../../src/base/failures.js';
import { stackEnvironment } from '../../../src/stack/environment.js';
import { checkNotOfRemovedStack, recordOwnValues, withoutOwnValues } from '../../../src/stack/own-environment.js';
import { StackHome } from '../../../src/state/home.js';

let home: StackHome;
beforeEach(() => {
  home = new StackHome(mkdtempSync(join(tmpdir(), 'cubeshift-own-')));
});
afterEach(() => rmSync(home.folder, { recursive: true, force: true }));

async function started(environment: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const env = stackEnvironment(await home.settings(new Set()), environment, home.folder);
  recordOwnValues(home, env, environment);
  return env;
}

test('every variable of a stack is recognised as its own again, and as no other stack’s', async () => {
  const env = await started({});
  expect(withoutOwnValues(home, { ...env, PATH: '/bin' })).toEqual({ PATH: '/bin' });
});

test('what the caller named stays the caller’s, at the next start too', async () => {
  const own = { LEGACY_DATABASE_URL: 'postgres://u:p@h/x', LOG_LEVEL: 'debug', CUBE_JWT_SECRET: 'x'.repeat(32) };
  const env = await started(own);
  expect(withoutOwnValues(home, env)).toEqual(own);
  await started(withoutOwnValues(home, env));
  expect(withoutOwnValues(home, env)).toEqual(own);
});

test('values of an earlier start count as well, as those of a port that another took', async () => {
  const env = await started({});
  recordOwnValues(home, { ...env, REDIS_URL: 'redis://127.0.0.1:1' }, {});
  expect(withoutOwnValues(home, env)).toEqual({});
});

test('a secret that was changed is the stack’s own, before and after', async () => {
  home.recordSecrets({ cube: { current: 'new', previous: 'old' } });
  expect(withoutOwnValues(home, { CUBE_JWT_SECRET: 'new' })).toEqual({});
  expect(withoutOwnValues(home, { CUBE_JWT_SECRET: 'another' })).toEqual({ CUBE_JWT_SECRET: 'another' });
});

test('variables of a stack that is gone are refused, with what to type', async () => {
  const env = await started({});
  const named = { STATE_DIR: env.STATE_DIR, STACK_ID: env.STACK_ID, REDIS_URL: env.REDIS_URL };
  expect(() => checkNotOfRemovedStack(home, named)).not.toThrow();
  rmSync(home.folder, { recursive: true });
  const purged = new StackHome(home.folder);
  expect(() => checkNotOfRemovedStack(purged, named)).toThrow(
    expect.objectContaining({
      type: 'configuration_invalid',
      message: `This shell has the variables of a stack in ${home.folder} that was removed.`,
      hint: 'Type `unset STATE_DIR STACK_ID REDIS_URL`, or open a new shell.',
    }),
  );
  expect(() => checkNotOfRemovedStack(purged, { REDIS_URL: env.REDIS_URL })).not.toThrow();
  // From another folder, too: the state folder of a command depends on where it is typed.
  const elsewhere = new StackHome(join(tmpdir(), 'cubeshift-elsewhere'));
  expect(() => checkNotOfRemovedStack(elsewhere, named)).toThrow(Failure);
});

test('variables of a stack that was removed are refused where a new one is in its place, whose own come from `env`', async () => {
  const { STATE_DIR, STACK_ID } = await started({});
  rmSync(home.folder, { recursive: true });
  home.prepare();
  const env = await started({});
  home.recordEnvironment(env);
  expect(() => checkNotOfRemovedStack(home, env)).not.toThrow();
  expect(() => checkNotOfRemovedStack(home, { STATE_DIR, STACK_ID })).toThrow(
    expect.objectContaining({
      hint: `Type \`eval "$(cubeshift env)"\` for those of the stack that is in ${home.folder} now, or \`unset STATE_DIR STACK_ID\`.`,
    }),
  );
});
