import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogTail } from '../../../src/state/logs.js';

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
