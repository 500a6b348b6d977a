import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';

/** What programs write to their logs: `logs/<program>.log`, and one file before it, `.log.1`. */

const maxLogBytes = 10 * 1024 * 1024;
const maxTailBytes = 4096;
const ending = '.log';

/** The name of a program's log in the folder of logs. */
export function logName(program: string): string {
  return `${program}${ending}`;
}

/** Opens a log for a program that is about to be started; a long one is put aside. Readable by its owner only. */
export function openLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > maxLogBytes) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

/** Adds a line to a log, for a program that has no words of its own there. */
export function appendLine(file: string, line: string): void {
  appendFileSync(file, `${line}\n`, { mode: 0o600 });
}

/** The programs whose logs were written to since then, milliseconds since 1970. */
export function programsLoggingSince(folder: string, since: number): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending) && statSync(join(folder, name)).mtimeMs >= since)
    .map((name) => name.slice(0, -ending.length));
}

/** The last lines of a log, ten at most; none when it is not there. */
export function lastLines(file: string, count = 10): readonly string[] {
  let opened: number;
  try {
    opened = openSync(file, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(opened);
    const bytes = Buffer.alloc(Math.min(size, maxTailBytes));
    readSync(opened, bytes, 0, bytes.length, size - bytes.length);
    const lines = bytes.toString('utf8').trimEnd().split('\n');
    // The first may have lost its beginning.
    const whole = size > maxTailBytes ? lines.slice(1) : lines;
    return whole.filter((line) => line !== '').slice(-count);
  } finally {
    closeSync(opened);
  }
}

/** Passes on what is written to a log from now on, in whole lines. */
export class LogTail {
  private position: number;

  constructor(
    private readonly file: string,
    private readonly receive: (lines: string) => void,
  ) {
    this.position = statSync(file).size;
  }

  /** Passes on the lines that came since the last call. */
  passOn(): void {
    const fresh = readFileSync(this.file).subarray(this.position);
    const end = fresh.lastIndexOf('\n');
    if (end < 0) return;
    this.position += end + 1;
    this.receive(fresh.toString('utf8', 0, end));
  }
}
