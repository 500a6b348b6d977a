import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { reservePort } from '../../../src/state/port-reservations.js';
import { identify } from '../../../src/state/process-identity.js';

const folder = mkdtempSync(join(tmpdir(), 'cubeshift-ports-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a port that another living process reserved is not given, and is given once that process has ended', async () => {
  const other = spawn('sleep', ['60'], { stdio: 'ignore' });
  writeFileSync(join(folder, '4000'), JSON.stringify(identify(other.pid ?? 0)));
  expect(reservePort(4000, folder)).toBe(false);
  const gone = once(other, 'exit');
  other.kill('SIGKILL');
  await gone;
  expect(reservePort(4000, folder)).toBe(true);
});

test('a process may reserve its own port again, and leaves nothing but the reservation', () => {
  expect(reservePort(4001, folder)).toBe(true);
  expect(reservePort(4001, folder)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.startsWith('4001'))).toEqual(['4001']);
});

test('a reservation that cannot be read holds nothing', () => {
  writeFileSync(join(folder, '4002'), 'half a');
  expect(reservePort(4002, folder)).toBe(true);
});

test.each<[string, (made: string) => void, boolean]>([
  ['that others may write to', (made) => chmodSync(made, 0o777), true],
  ['that others may read', (made) => chmodSync(made, 0o755), true],
  ['of another user', (made) => chownSync(made, 65_534, 65_534), process.getuid?.() === 0],
])('a folder %s is not written to', (_, open, can) => {
  if (!can) return;
  const made = mkdtempSync(join(folder, 'made-'));
  open(made);
  expect(() => reservePort(4003, made)).toThrow(
    expect.objectContaining({ type: 'configuration_invalid', message: expect.stringContaining(made) }),
  );
  expect(readdirSync(made)).toEqual([]);
});

test('a link to a folder is not written through, nor one in place of the file', () => {
  const [mine, link] = [mkdtempSync(join(folder, 'mine-')), join(folder, 'link')];
  symlinkSync(mine, link);
  expect(() => reservePort(4004, link)).toThrow(/is no folder/);
  const precious = join(folder, 'precious');
  writeFileSync(precious, 'mine');
  symlinkSync(precious, join(mine, `4005.${process.pid}`));
  expect(reservePort(4005, mine)).toBe(true);
  expect(readFileSync(precious, 'utf8')).toBe('mine');
});

test('a folder that is not there is made, for its user alone', () => {
  const made = join(folder, 'not', 'there');
  expect([reservePort(4006, made), reservePort(4006, made)]).toEqual([true, true]);
  mkdirSync(made, { recursive: true });
  expect(readdirSync(made)).toEqual(['4006']);
});
