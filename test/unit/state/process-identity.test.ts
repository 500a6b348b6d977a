import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { identify, isAlive, signalProcess } from '../../../src/state/process-identity.js';
import { until } from '../../support/conditions.js';

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function start(command = 'sleep'): number {
  const child = spawn(command, ['600'], { stdio: 'ignore' });
  started.push(child);
  if (child.pid === undefined) throw new Error('not started');
  return child.pid;
}

function identityOf(pid: number) {
  const found = identify(pid);
  if (found === undefined) throw new Error('not found');
  return found;
}

describe('a process', () => {
  test('is the same each time it is looked at', () => {
    const identity = identityOf(start());
    expect(identify(identity.pid)).toEqual(identity);
    expect(isAlive(identity)).toBe(true);
  });

  test('differs from a later one with its number', () => {
    const { pid, startTime } = identityOf(start());
    expect(isAlive({ pid, startTime: String(Number(startTime) - 1) })).toBe(false);
  });

  test('is recognised whatever its name is', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cubeshift-name-'));
    try {
      const program = join(folder, 'a) S 1 (b c');
      copyFileSync('/bin/sleep', program);
      const identity = identityOf(start(program));
      expect(identity.startTime).toMatch(/^\d+$/);
      // Started after this process: what is read is a start time indeed.
      expect(Number(identity.startTime)).toBeGreaterThanOrEqual(Number(identityOf(process.pid).startTime));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('that ended is not alive, not even while its remains are there', async () => {
    // Who never looks after its child: it stays a zombie. The child ends only then: while the shell is one it would look.
    const untilReplaced = 'while grep -qx sh /proc/$$/comm; do :; done';
    const shell = spawn('sh', ['-c', `(${untilReplaced}) & echo $!; exec sleep 600`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    started.push(shell);
    const [line] = await once(shell.stdout, 'data');
    const pid = Number(String(line));
    await until('the end of the child', () => identify(pid) === undefined);
    expect(() => process.kill(pid, 0)).not.toThrow();
  });

  test('that never was is not there', () => {
    expect(identify(4_194_304)).toBeUndefined();
    expect(isAlive({ pid: 4_194_304, startTime: '1' })).toBe(false);
  });
});

describe('a signal', () => {
  test('reaches the one that is meant', async () => {
    const identity = identityOf(start());
    signalProcess(identity, 'SIGTERM');
    await until('its end', () => !isAlive(identity));
  });

  test('never reaches a later process with the same number', () => {
    const identity = identityOf(start());
    signalProcess({ ...identity, startTime: '1' }, 'SIGKILL');
    expect(isAlive(identity)).toBe(true);
  });

  test('to one that ended is no error', async () => {
    const identity = identityOf(start());
    signalProcess(identity, 'SIGKILL');
    await until('its end', () => !isAlive(identity));
    expect(() => signalProcess(identity, 'SIGKILL')).not.toThrow();
  });
});
