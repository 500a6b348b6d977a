import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';

/** Another program that appends to a file every millisecond, until it is stopped. */
export class Appender {
  private constructor(private readonly program: ChildProcess) {}

  /** Returns once it has appended something. */
  static async start(path: string): Promise<Appender> {
    const script = `const { appendFileSync } = require('node:fs');
      setInterval(() => { appendFileSync(process.argv[1], 'more\\n'); process.stdout.write('.'); }, 1);`;
    const program = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(program.stdout, 'data');
    program.stdout.resume();
    return new Appender(program);
  }

  async stop(): Promise<void> {
    const ended = once(this.program, 'exit');
    this.program.kill();
    await ended;
  }
}

/** Replaces a file by one of the same size and the same time of change, which must be whole seconds; only inode and ctime differ. */
export function replaceKeepingSizeAndTime(path: string, content: Buffer): void {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  if (content.length !== Number(size)) throw new Error(`${content.length} bytes for ${size}`);
  if (mtimeNs % 1_000_000_000n !== 0n) throw new Error('the time of change has a fraction of a second');
  const next = `${path}.next`;
  writeFileSync(next, content);
  const seconds = Number(mtimeNs / 1_000_000_000n);
  utimesSync(next, seconds, seconds);
  renameSync(next, path);
}
