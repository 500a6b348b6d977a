import { readFileSync, statSync } from 'node:fs';
import type { Output } from './output.js';

/** What is written to a log file from now on, told line by line. */
export class LogTail {
  private position: number;

  constructor(
    private readonly file: string,
    private readonly output: Output,
  ) {
    this.position = statSync(file).size;
  }

  /** Tells the whole lines that came since the last call. */
  passOn(): void {
    const fresh = readFileSync(this.file).subarray(this.position);
    const end = fresh.lastIndexOf('\n');
    if (end < 0) return;
    this.position += end + 1;
    this.output.talk(fresh.toString('utf8', 0, end));
  }
}
