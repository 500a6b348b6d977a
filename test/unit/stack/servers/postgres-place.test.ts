import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ProgramChecks } from '../../../../src/stack/downloads/cached-program.js';
import { makeDataFolder, preparePlace, removePlace } from '../../../../src/stack/servers/postgres-place.js';
import { StackHome } from '../../../../src/state/home.js';

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
])('a recorded folder with %s is left alone, and reported', (_, name, recorded) => {
  const folder = `${join(root, `left-${made++}`)}/${name}`;
  mkdirSync(folder, { recursive: true });
  home.recordDatabasePlace({ folder, account: recorded });
  expect(() => removePlace(home)).toThrow(/databases\.json names a folder that `up` did not make/);
  expect(existsSync(folder)).toBe(true);
});

describe.skipIf(!isRoot)('databases in a folder that everybody may write to', () => {
  let folder: string;
  let theirs: string;

  beforeEach(() => {
    const open = join(root, `open-${made++}`);
    mkdirSync(open);
    chmodSync(open, 0o1777);
    folder = join(open, `${account}-0123456789ab`);
    theirs = join(root, `theirs-${made++}`);
    home.recordDatabasePlace({ folder, account });
  });

  const makeFolderOf = (owner: number) => {
    mkdirSync(folder);
    chownSync(folder, owner, owner);
  };
  const prepare = () => preparePlace(home, '/bin/true', dirname(folder), new ProgramChecks());

  test('lie in a folder of their account alone, made at the first start and taken at the next', async () => {
    for (const _ of ['first', 'next']) {
      expect(await prepare()).toEqual({ folder, account, program: '/bin/true' });
      expect(statSync(folder)).toMatchObject({ uid: account, gid: account, mode: 0o40700 });
    }
  });

  test.each<[string, () => void]>([
    ['a link', () => symlinkSync(theirs, folder)],
    ['a file', () => writeFileSync(folder, '')],
    ['a folder of another user', () => makeFolderOf(65_534)],
  ])('are not put where another user made %s', async (_, plant) => {
    mkdirSync(theirs);
    plant();
    const before = [lstatSync(folder).uid, statSync(theirs).uid];
    await expect(prepare()).rejects.toMatchObject({
      type: 'configuration_invalid',
      message: expect.stringContaining(folder),
      hint: expect.stringContaining('CUBESHIFT_DATABASES'),
    });
    expect([lstatSync(folder).uid, statSync(theirs).uid]).toEqual(before);
  });
});

describe.skipIf(!isRoot)('a data folder', () => {
  test('is made where its maker writes nothing else, and is marked when no other user can redirect the mark', async () => {
    const place = { folder: join(root, `${account}-data`), program: '', account };
    mkdirSync(place.folder);
    await makeDataFolder(place, 'postgres-cube', async (folder, maker) => {
      expect(statSync(dirname(folder))).toMatchObject({ uid: 0, mode: 0o40711 });
      expect(statSync(folder)).toMatchObject({ uid: maker, mode: 0o40700 });
      expect(readdirSync(folder)).toEqual([]);
    });
    const data = join(place.folder, 'postgres-cube');
    expect([statSync(data).uid, statSync(join(data, 'PG_VERSION.ready')).uid]).toEqual([account, account]);
  });

  test('in which the mark leads elsewhere is not taken, and nothing is written there', async () => {
    const place = { folder: join(root, `${account}-marked`), program: '', account };
    const elsewhere = join(root, 'elsewhere');
    mkdirSync(place.folder);
    const making = makeDataFolder(place, 'postgres-cube', async (folder) =>
      symlinkSync(elsewhere, join(folder, 'PG_VERSION.ready')),
    );
    await expect(making).rejects.toThrow('EEXIST');
    expect([existsSync(elsewhere), existsSync(join(place.folder, 'postgres-cube'))]).toEqual([false, false]);
  });
});
