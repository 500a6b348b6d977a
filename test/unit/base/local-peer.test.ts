import { expect, test } from 'vitest';
import { takersOf } from '../../../src/base/local-peer.js';

/** Port 6379 is 18EB, 50000 is C350; on a processor that writes the lowest byte first. */
const row = (ends: string, state: string, owner: number, inode: number) =>
  `   3: ${ends} ${state} 00000000:00000000 00:00000000 00000000 ${owner}        0 ${inode} 1 0000 20 0 0 10 -1`;
const narrow = '0100007F:18EB 0100007F:C350';
const wide = '0000000000000000FFFF00000100007F:18EB 0000000000000000FFFF00000100007F:C350';
const ends = [
  ['127.0.0.1', 6379],
  ['127.0.0.1', 50_000],
] as const;

test.each([
  ['taken', row(narrow, '01', 1001, 4711), [1001]],
  ['taken by what listens in IPv6', row(wide, '01', 1001, 4711), [1001]],
  ['in both tables', `${row(narrow, '01', 0, 4711)}\n${row(wide, '01', 1001, 4712)}`, [0, 1001]],
  // Older kernels name root as the user of what nobody has taken yet.
  ['not taken yet', row(narrow, '01', 0, 0), []],
  ['half open', row(narrow, '03', 0, 4711), []],
  ['ended', row(narrow, '06', 0, 0), []],
  ['the listener', row('0100007F:18EB 00000000:0000', '0A', 0, 4711), []],
  ['the other end', row('0100007F:C350 0100007F:18EB', '01', 0, 4711), []],
  ['of another port', row('0100007F:18EB 0100007F:C351', '01', 0, 4711), []],
  ['nothing', '', []],
])('who took a connection, of a row that is %s', (_, table, owners) => {
  expect(takersOf(`  sl  local_address rem_address   st …\n${table}\n`, ends)).toEqual(owners);
});

test.each([
  ['::1', '00000000000000000000000001000000'],
  ['2001:db8::2:1', 'B80D0120000000000000000001000200'],
])('who took a connection over IPv6: %s', (address, hex) => {
  const ownEnds = [
    [address, 6379],
    [address, 50_000],
  ] as const;
  expect(takersOf(row(`${hex}:18EB ${hex}:C350`, '01', 1001, 4711), ownEnds)).toEqual([1001]);
});
