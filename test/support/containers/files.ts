import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isRoot, type User } from './host.js';

type Way = 'link' | 'copy-closed';

/**
 * Copies a file or folder; `link` shares the contents of files and keeps owners, `copy-closed` takes the rights of all but
 * the owner, as a checkout has them whose user keeps its files to itself. `skips` names what is left out.
 */
export function copyTree(from: string, to: string, way: Way, skips: (name: string) => boolean = () => false): void {
  const found = lstatSync(from);
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  if (found.isDirectory()) {
    mkdirSync(to, { recursive: true, mode: 0o755 });
    chmodSync(to, way === 'link' ? found.mode & 0o7777 : 0o700);
    if (way === 'link') give(to, found);
    for (const name of readdirSync(from)) if (!skips(name)) copyTree(join(from, name), join(to, name), way, skips);
  } else if (found.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
  else if (way === 'link') linkSync(from, to);
  else {
    copyFileSync(from, to);
    chmodSync(to, found.mode & 0o700);
  }
}

export function writeInto(root: string, path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true, mode: 0o755 });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

/** Makes a user the owner, where files can have several owners. */
export function give(path: string, { uid, gid }: User): void {
  if (isRoot) chownSync(path, uid, gid);
}
