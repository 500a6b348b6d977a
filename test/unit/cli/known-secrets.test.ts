import { expect, test } from 'vitest';
import { forgetWhenAllReport, type ProgramFingerprints } from '../../../src/cli/known-secrets.js';

const fingerprint = 'new';
const times = { fingerprint, knownMillis: 600, forgottenMillis: 600 };
const program = (name: string, ...fingerprints: string[]): ProgramFingerprints => ({ program: name, fingerprints });

test('the former secret is dropped as soon as every program signs with the new one, and waited for until it is', async () => {
  const said: string[] = [];
  const looks: readonly (readonly ProgramFingerprints[])[] = [
    [program('a', 'new', 'old'), program('b', 'old', 'new')],
    [program('a', 'new', 'old'), program('b', 'new', 'old')],
    [program('a', 'new', 'old'), program('b', 'new')],
    [program('a', 'new'), program('b', 'new')],
  ];
  let looked = 0;
  const read = async () => {
    said.push(`look ${looked}`);
    return looks[looked++] ?? [];
  };
  expect(await forgetWhenAllReport({ ...times, read, forget: () => void said.push('forgotten') })).toEqual([]);
  expect(said).toEqual(['look 0', 'look 1', 'forgotten', 'look 2', 'look 3']);
});

test.each<[string, readonly ProgramFingerprints[] | Error | 'hangs', readonly string[]]>([
  ['one that signs with the former one', [program('a', 'new'), program('b', 'old', 'new')], ['b']],
  ['one that reports nothing', [program('a', 'new'), program('c')], ['c']],
  ['one that keeps the former one', [program('a', 'new', 'old')], ['a']],
  ['the control API, when it is away', new Error('away'), ['control']],
  ['the control API, when it hangs', 'hangs', ['control']],
])('who did not say so in time is named, and the former one is dropped: %s', async (_what, seen, named) => {
  let dropped = 0;
  const read = () => {
    if (seen === 'hangs') return new Promise<never>(() => undefined);
    return seen instanceof Error ? Promise.reject(seen) : Promise.resolve(seen);
  };
  expect(await forgetWhenAllReport({ ...times, read, readMillis: 50, forget: () => void dropped++ })).toEqual(named);
  expect(dropped).toBe(1);
});
