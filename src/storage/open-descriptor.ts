import { type BigIntStats, close, fstat, read } from 'node:fs';
import { promisify } from 'node:util';
import type { StatText } from './stat-text.js';
import { inFileThread } from './threads/file-threads.js';

const system = { close: promisify(close), fstat: promisify(fstat), read: promisify(read) };

/** A file that a file thread has opened. Its user closes it; after that nothing is done with its number, which is another file's by then. */
export class OpenDescriptor {
  private isClosed = false;

  constructor(private readonly number: number) {}

  get fd(): number {
    if (this.isClosed) throw new Error('a file was used after it was closed');
    return this.number;
  }

  stat(): Promise<BigIntStats> {
    return system.fstat(this.fd, { bigint: true });
  }

  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number; buffer: Buffer }> {
    return system.read(this.fd, buffer, offset, length, position);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await system.close(this.number);
  }

  /** Closes it: whether it, and what the path leads to, are still what the text says. */
  async closeUnchanged(path: string, stat: StatText): Promise<boolean> {
    const { fd } = this;
    this.isClosed = true;
    return inFileThread('closeUnchanged', fd, path, stat);
  }
}
