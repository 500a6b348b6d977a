import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { reservePort } from '../../../src/stack/port-reservations.js';
import { identify } from '../../../src/stack/process-identity.js';

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
