import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CubeVersion, LegacyVersion } from '../../../../src/services/ai/model-records.js';
import { ServingVersions } from '../../../../src/services/ai/serving-versions.js';

const first: CubeVersion = { id: '1', version: 'a', sha256: 's', source_sha256: 's', files: {}, file_stats: {} };
const second: CubeVersion = { ...first, id: '2' };
let now: number;
let looks: number;
let legacy: LegacyVersion | undefined;
let active: CubeVersion | undefined;
let isAway: boolean;
let replaced: string[];
let serving: ServingVersions;

beforeEach(() => {
  now = 0;
  looks = 0;
  legacy = { version: 'a', sha256: 'S', artifact_path: 'm.onnx' };
  active = first;
  isAway = false;
  replaced = [];
  const records = {
    legacyVersion: async () => {
      looks += 1;
      if (isAway) throw new Error('away');
      return legacy;
    },
    activeVersion: async () => active,
  };
  const folder = { path: tmpdir(), variable: 'LEGACY_MODEL_DIR' };
  serving = new ServingVersions(
    records,
    folder,
    ({ id }) => replaced.push(id),
    () => now,
  );
});
const idOf = async () => (await serving.of('m'))?.id ?? null;
/** What looks in the background brings. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test.each<[string, () => void]>([
  ['another version in legacy', () => (legacy = { version: 'b', sha256: 's', artifact_path: null })],
  ['no version in legacy', () => (legacy = { version: null, sha256: 's', artifact_path: null })],
  ['another sum in legacy', () => (legacy = { version: 'a', sha256: 't', artifact_path: null })],
  ['no sum in legacy', () => (legacy = { version: 'a', sha256: null, artifact_path: null })],
  ['no row in legacy', () => (legacy = undefined)],
  ['no active version', () => (active = undefined)],
  ['external data that is gone', () => (active = { ...first, file_stats: { 'no such weights.bin': 'before' } })],
])('legacy serves where there is %s', async (_, change) => {
  expect(await idOf()).toBe('1');
  change();
  now = 2000;
  expect(await idOf()).toBeNull();
  expect(replaced).toEqual(['1']);
});

test('many requests are one look a second, and wait for none that is younger than two', async () => {
  expect(await Promise.all(Array.from({ length: 100 }, idOf))).toEqual(Array(100).fill('1'));
  expect(looks).toBe(1);
  active = second;
  now = 999;
  expect(await idOf()).toBe('1');
  expect(looks).toBe(1);
  now = 1500;
  expect(await Promise.all([idOf(), idOf()])).toEqual(['1', '1']);
  await settled();
  expect(looks).toBe(2);
  expect(await idOf()).toBe('2');
  expect(replaced).toEqual(['1']);
});

test('what is known counts for five seconds while the databases are away, and then legacy serves', async () => {
  expect(await idOf()).toBe('1');
  isAway = true;
  for (const [at, id] of [
    [1500, '1'],
    [4999, '1'],
    [5000, null],
    [60_000, null],
  ] as const) {
    now = at;
    expect(await idOf()).toBe(id);
  }
  isAway = false;
  expect(await idOf()).toBe('1');
});

test.each(['a database', 'the folder'])(
  '%s that hangs is waited for five seconds at most, and then by no request',
  async (hung) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const ends: (() => void)[] = [];
    let isHung = true;
    const hang = () => (isHung ? new Promise<void>((resolve) => ends.push(resolve)) : undefined);
    const withData = { ...first, file_stats: { 'weights.bin': 'before' } };
    let stats = 0;
    serving = new ServingVersions(
      {
        legacyVersion: async () => {
          if (hung === 'a database') await hang();
          return legacy;
        },
        activeVersion: async () => withData,
      },
      { path: tmpdir(), variable: 'LEGACY_MODEL_DIR' },
      ({ id }) => replaced.push(id),
      () => now,
      async () => {
        stats += 1;
        if (hung === 'the folder') await hang();
        return 'before';
      },
    );
    const waiting = [idOf(), idOf()];
    await settled();
    now = 5000;
    vi.advanceTimersByTime(5000);
    expect(await Promise.all(waiting)).toEqual([null, null]);
    expect(await idOf()).toBeNull();
    // Other models do not wait for the folder in threads of their own.
    const other = serving.of('another');
    await settled();
    expect(stats).toBeLessThan(2);
    isHung = false;
    for (const end of ends) end();
    expect((await other)?.id).toBe('1');
    now = 10_000;
    await idOf();
    await settled();
    expect(await idOf()).toBe('1');
  },
);
afterEach(() => vi.useRealTimers());
