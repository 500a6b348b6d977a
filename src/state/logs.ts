import { appendFileSync, closeSync, existsSync, openSync, readdirSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What programs write to their logs: `logs/<program>.log`, and one file before it, `.log.1`. */

const maxLogBytes = 10 * 1024 * 1024;
const minTailBytes = 4096;
/** More than a line of a program has as a rule. */
const bytesPerLine = 1024;
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

/** The last lines of a log, or of its first `upTo` bytes; none when it is not there. */
export function lastLines(file: string, count = 10, upTo = Number.MAX_SAFE_INTEGER): readonly string[] {
  const size = Math.min(upTo, sizeOf(file));
  const tailBytes = Math.max(minTailBytes, count * bytesPerLine);
  const lines = readRange(file, Math.max(0, size - tailBytes), size)
    .toString('utf8')
    .trimEnd()
    .split('\n');
  // The first may have lost its beginning.
  const whole = size > tailBytes ? lines.slice(1) : lines;
  return whole.filter((line) => line !== '').slice(-count);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The bytes of a log from `start` to `end`; fewer, or none, when they are not there. */
function readRange(file: string, start: number, end: number): Buffer {
  if (end <= start) return Buffer.alloc(0);
  const opened = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(end - start);
    return bytes.subarray(0, readSync(opened, bytes, 0, bytes.length, start));
  } finally {
    closeSync(opened);
  }
}

/** Passes on what is written to a log from now on, in whole lines. */
export class LogTail {
  private position: number;
  /** The size of the log when this was made. */
  readonly start: number;

  constructor(
    private readonly file: string,
    private readonly receive: (lines: string) => void,
  ) {
    this.start = sizeOf(file);
    this.position = this.start;
  }

  /** Passes on the lines that came since the last call. */
  passOn(): void {
    const size = sizeOf(this.file);
    // A long log was put aside, and a new one begun.
    if (size < this.position) this.position = 0;
    const fresh = readRange(this.file, this.position, size);
    const end = fresh.lastIndexOf('\n');
    if (end < 0) return;
    this.position += end + 1;
    this.receive(fresh.toString('utf8', 0, end));
  }
}
