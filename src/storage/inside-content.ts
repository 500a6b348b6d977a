import { createHash } from 'node:crypto';
import { type LegacyFolder, openInside, type UnreadablePath } from './inside-folder.js';
import type { OpenDescriptor } from './open-descriptor.js';
import type { StatText } from './stat-text.js';

/** A regular file of legacy's folder that is open for reading, whatever becomes of its path. */
export interface InsideContent {
  readonly kind: 'open';
  readonly size: number;
  /** What the file was like when it was opened. */
  readonly stat: StatText;
  /** The bytes from `start` to `end`, both included. Throws where the file has become shorter. */
  read(range: { readonly start: number; readonly end: number }): AsyncGenerator<Buffer>;
  close(): Promise<void>;
}

/** Opens the file that a path of the folder leads to, as `readInside` does; `close` it. */
export async function openContent(folder: LegacyFolder, path: string): Promise<InsideContent | UnreadablePath> {
  const opened = await openInside(folder, path);
  if ('kind' in opened) return opened;
  const { handle, size, stat } = opened;
  return {
    kind: 'open',
    size,
    stat,
    read: ({ start, end }) => bytesOf(handle, start, end),
    close: () => handle.close(),
  };
}

/**
 * The strong entity tag of a file that is what its stat says: another after each change of its content, also of one that kept size and
 * time. The device is left out: it differs between machines that mount the same folder.
 */
export function entityTagOf(stat: StatText): string {
  const [, ...rest] = stat.split(' ');
  return `"${createHash('sha256').update(rest.join(' ')).digest('base64url').slice(0, 27)}"`;
}

async function* bytesOf(handle: OpenDescriptor, start: number, end: number): AsyncGenerator<Buffer> {
  for (let position = start; position <= end; ) {
    const wanted = Math.min(chunkBytes, end + 1 - position);
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, position);
    if (bytesRead === 0) throw new Error('a file became shorter while it was sent');
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const chunkBytes = 256 * 1024;
