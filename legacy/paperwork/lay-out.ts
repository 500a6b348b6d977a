import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { type Entry, filesRoot } from './rows.js';

/**
 * Lays the stand-in's files out below a folder that exists and has none of them yet: `files`, which is LEGACY_STORAGE_DIR, and what lies
 * next to it, where some paths lead. A device needs root, and is left out for others. Returns the path of `files`.
 */
export async function layOutPaperwork(folder: string, entries: readonly Entry[]): Promise<string> {
  const files = join(folder, 'files');
  mkdirSync(files);
  const sockets: string[] = [];
  const made = new Set<string>();
  for (const entry of entries) {
    const path = below(files, entry.path);
    const parent = parentOf(path);
    if (!made.has(parent.toString('latin1'))) mkdirSync(parent, { recursive: true });
    made.add(parent.toString('latin1'));
    if (entry.kind === 'socket') sockets.push(path.toString());
    else layOut(entry, path, files);
  }
  for (const path of sockets) await leaveSocket(path);
  return files;
}

function layOut(entry: Exclude<Entry, { kind: 'socket' }>, path: Buffer, files: string): void {
  switch (entry.kind) {
    case 'file':
      writeFileSync(path, entry.content(), { flag: 'wx', mode: entry.mode ?? 0o640 });
      utimesSync(path, entry.modified, entry.modified);
      break;
    case 'sparse file':
      writeHoles(path, entry.size);
      utimesSync(path, entry.modified, entry.modified);
      break;
    case 'folder':
      mkdirSync(path, { recursive: true });
      break;
    case 'link':
      symlinkSync(targetOf(entry.target, files), path);
      break;
    case 'hard link':
      linkSync(join(files, entry.to), path);
      break;
    case 'fifo':
      execFileSync('mkfifo', [path.toString()]);
      break;
    case 'device':
      // The device of /dev/null. Where a program may not make one, there is nothing.
      if (process.getuid?.() === 0) makeDevice(path.toString());
      break;
  }
}

function makeDevice(path: string): void {
  try {
    execFileSync('mknod', [path, 'c', '1', '3'], { stdio: 'ignore' });
  } catch {
    // A container's root may not.
  }
}

function below(files: string, path: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${files}/`), Buffer.from(path as string)]);
}

function parentOf(path: Buffer): Buffer {
  return path.subarray(0, path.lastIndexOf('/'));
}

function targetOf(target: string | Buffer, files: string): string | Buffer {
  return typeof target === 'string' && target.startsWith(filesRoot)
    ? join(files, target.slice(filesRoot.length))
    : target;
}

function writeHoles(path: Buffer, size: number): void {
  const file = openSync(path, 'wx', 0o640);
  try {
    ftruncateSync(file, size);
    writeSync(file, 'x', size - 1);
  } finally {
    closeSync(file);
  }
}

/** A socket that no program listens on any more: whoever listens removes it at the end, unless it has another name then. */
async function leaveSocket(path: string): Promise<void> {
  const folder = openSync(dirname(path), 'r');
  try {
    // The address of a socket has a hundred bytes at most.
    const listened = `/proc/self/fd/${folder}/.socket`;
    const server = createServer().listen(listened);
    await once(server, 'listening');
    renameSync(listened, path);
    server.close();
    await once(server, 'close');
  } finally {
    closeSync(folder);
  }
}
