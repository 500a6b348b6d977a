import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const maxBytes = 4096;

/** The last lines of a file that programs write to, ten at most; none when it is not there. */
export function lastLines(file: string, count = 10): readonly string[] {
  let opened: number;
  try {
    opened = openSync(file, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(opened);
    const bytes = Buffer.alloc(Math.min(size, maxBytes));
    readSync(opened, bytes, 0, bytes.length, size - bytes.length);
    const lines = bytes.toString('utf8').trimEnd().split('\n');
    // The first may have lost its beginning.
    const whole = size > maxBytes ? lines.slice(1) : lines;
    return whole.filter((line) => line !== '').slice(-count);
  } finally {
    closeSync(opened);
  }
}
