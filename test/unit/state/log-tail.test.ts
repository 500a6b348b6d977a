import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogTail, lastLines } from '../../../src/state/logs.js';

let folder: string;
let file: string;
let told: string[];
let tail: LogTail;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cubeshift-tail-'));
  file = join(folder, 'supervisor.log');
  writeFileSync(file, 'an earlier line\n');
  told = [];
  tail = new LogTail(file, (lines) => void told.push(lines));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what was there before is not printed', () => {
  tail.passOn();
  expect(told).toEqual([]);
});

test('whole lines are printed once, as they come', () => {
  appendFileSync(file, 'one\ntwo\n');
  tail.passOn();
  tail.passOn();
  appendFileSync(file, 'three\n');
  tail.passOn();
  expect(told.join('\n').split('\n')).toEqual(['one', 'two', 'three']);
});

test('a line is printed when it is whole, its characters too', () => {
  const bytes = Buffer.from('시작하는 중 🔮\n');
  for (const byte of bytes) {
    tail.passOn();
    expect(told).toEqual([]);
    appendFileSync(file, Buffer.of(byte));
  }
  tail.passOn();
  expect(told).toEqual(['시작하는 중 🔮']);
});

test('the line after a whole one waits for its end', () => {
  appendFileSync(file, 'one\nhalf a');
  tail.passOn();
  expect(told).toEqual(['one']);
  appendFileSync(file, ' line\n');
  tail.passOn();
  expect(told).toEqual(['one', 'half a line']);
});

test('a log that was put aside is followed at its beginning', () => {
  renameSync(file, `${file}.1`);
  tail.passOn();
  writeFileSync(file, 'a new log\n');
  tail.passOn();
  expect(told).toEqual(['a new log']);
});

test('the last lines are as many as are wanted, and end where the tail begins', () => {
  const lines = Array.from({ length: 500 }, (_, n) => `${n} ${'가'.repeat(100)}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  const later = new LogTail(file, (text) => void told.push(text));
  appendFileSync(file, 'later\n');
  expect(lastLines(file, 60, later.start)).toEqual(lines.slice(-60));
  later.passOn();
  expect(told).toEqual(['later']);
  expect(lastLines(join(folder, 'missing.log'))).toEqual([]);
});
