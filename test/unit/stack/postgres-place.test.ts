import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { StackHome } from '../../../src/stack/home.js';
import { removePlace } from '../../../src/stack/postgres-place.js';

const root = mkdtempSync(join(tmpdir(), 'cubeshift-place-'));
const isRoot = process.getuid?.() === 0;
const account = 54_321;
let home: StackHome;
let made = 0;

beforeEach(() => {
  home = new StackHome(join(root, `home-${made++}`));
  home.prepare();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.skipIf(!isRoot)('databases that up made are removed', () => {
  const folder = join(root, `${account}-0123456789ab`);
  mkdirSync(folder);
  home.recordDatabasePlace({ folder, account });
  removePlace(home);
  expect(existsSync(folder)).toBe(false);
});

test.skipIf(!isRoot).each([
  ['another name', 'important', account],
  ['another account', `${account}-0123456789ab`, account + 1],
  ['a named account', '0-0123456789ab', 0],
  ['a name too short', `${account}-0123456789a`, account],
  ['a folder below', `${account}-0123456789ab/../important`, account],
])('a recorded folder with %s is left alone, and told of', (_, name, recorded) => {
  const folder = `${join(root, `left-${made++}`)}/${name}`;
  mkdirSync(folder, { recursive: true });
  home.recordDatabasePlace({ folder, account: recorded });
  expect(() => removePlace(home)).toThrow(/databases\.json names a folder that `up` did not make/);
  expect(existsSync(folder)).toBe(true);
});
