import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '../../../src/base/failures.js';
import { readConfiguration } from '../../../src/config/configuration.js';
import type { VariableName } from '../../../src/config/variables.js';

/** A store and a folder of legacy's, in all ways in which they may lie to each other and be named. */
let base: string;
let root: string;
let trees = 0;
beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'cubeshift-apart-')));
});
afterAll(() => rmSync(base, { recursive: true }));
beforeEach(() => newRoot());

function newRoot(): void {
  root = join(base, String(++trees));
  mkdirSync(root);
}

/** Below `root`: the place of the one and of the other. */
const together: readonly (readonly [string, string])[] = [
  ['a', 'a'],
  ['a', 'a/b'],
  ['a', 'a/b/c'],
  ['a', 'a/..b'],
  ['.', 'a'],
];
const apart: readonly (readonly [string, string])[] = [
  ['a', 'b'],
  ['a', 'a-2'],
  ['a/b', 'a/c'],
  ['a/b', 'a/bc'],
  ['..a', '.a'],
];

/** How a path names its place. Each may need what is there; none changes where it leads. */
const namings: Readonly<Record<string, (place: string, as: string) => string>> = {
  'by its own path': (place) => place,
  'with a slash at its end': (place) => `${place}/`,
  'with dots': (place) => `${root}/./x/..//${relative(root, place)}`,
  'from the folder of the program': (place) => relative(process.cwd(), place),
  'by a link to it': (place, as) => link(place, as),
  'by a relative link to it': (place, as) => link(relative(root, place) || '.', as),
  'by a link to a link': (place, as) => link(link(place, `${as}-1`), as),
  'through a link above it': (place, as) => join(link(root, as), relative(root, place)),
  'out of what a link leads to': (place, as) => {
    mkdirSync(join(root, 'deep'), { recursive: true });
    return `${link(join(root, 'deep'), as)}/../${relative(root, place)}`;
  },
};

function link(target: string, as: string): string {
  symlinkSync(target, join(root, as));
  return join(root, as);
}

function refusal(environment: Readonly<Record<string, string>>, names: readonly VariableName[]): Failure | undefined {
  try {
    readConfiguration(environment, names);
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

const folders = ['LEGACY_STORAGE_DIR', 'LEGACY_MODEL_DIR'] as const;
const plain = 'by its own path';
const cases = Object.keys(namings).flatMap((naming) =>
  folders.flatMap((folder) =>
    [true, false].flatMap((exist) => [
      [folder, naming, plain, exist] as const,
      [folder, plain, naming, exist] as const,
      [folder, naming, naming, exist] as const,
    ]),
  ),
);

describe.each(cases)('%s and a store named %s and %s, there: %s', (folder, ofStore, ofFolder, exist) => {
  function environmentOf(store: string, other: string): Readonly<Record<string, string>> {
    const [storePlace, place] = [join(root, store), join(root, other)];
    if (exist) for (const one of [storePlace, place]) mkdirSync(one, { recursive: true });
    const storeUrl = namings[ofStore]?.(storePlace, 'store-link') ?? '';
    return { CUBE_STORAGE_URL: storeUrl, [folder]: namings[ofFolder]?.(place, 'folder-link') ?? '' };
  }

  test('are refused where one lies in the other, or they are one', () => {
    for (const [one, other] of together.flatMap(([outer, inner]) => [
      [outer, inner] as const,
      [inner, outer] as const,
    ])) {
      newRoot();
      const refused = refusal(environmentOf(one, other), ['CUBE_STORAGE_URL']);
      expect(refused, `${one} and ${other}`).toMatchObject({ type: 'configuration_invalid' });
      expect(refused?.message).toContain(`CUBE_STORAGE_URL must be a folder apart from that of ${folder}:`);
    }
  });

  test('are taken where they lie apart', () => {
    for (const [one, other] of apart) {
      newRoot();
      expect(refusal(environmentOf(one, other), ['CUBE_STORAGE_URL', folder]), `${one} and ${other}`).toBeUndefined();
    }
  });
});

test('both of legacy’s folders are named, in three sentences', () => {
  const environment = { CUBE_STORAGE_URL: root, LEGACY_STORAGE_DIR: join(root, 'files'), LEGACY_MODEL_DIR: root };
  expect(refusal(environment, ['CUBE_STORAGE_URL'])).toMatchObject({
    message:
      'CUBE_STORAGE_URL must be a folder apart from that of LEGACY_MODEL_DIR and of LEGACY_STORAGE_DIR: it lies inside, holds it, or is the same.',
    safe: 'Nothing was started, and nothing was written to any of these folders.',
    hint: 'Set CUBE_STORAGE_URL to a folder that neither lies in that of LEGACY_MODEL_DIR and of LEGACY_STORAGE_DIR nor holds it, then start again.',
  });
});

test('a loop of links is no place that anything lies in', () => {
  symlinkSync('loop', join(root, 'loop'));
  const environment = { CUBE_STORAGE_URL: join(root, 'loop'), LEGACY_STORAGE_DIR: join(root, 'files') };
  expect(refusal(environment, ['CUBE_STORAGE_URL'])).toBeUndefined();
});

test('what reads no store, or names only one of them, is not kept from it', () => {
  const same = { CUBE_STORAGE_URL: root, LEGACY_STORAGE_DIR: root };
  expect(refusal(same, ['LEGACY_STORAGE_DIR'])).toBeUndefined();
  expect(refusal({ CUBE_STORAGE_URL: root }, ['CUBE_STORAGE_URL', 'LEGACY_STORAGE_DIR'])).toBeUndefined();
});
