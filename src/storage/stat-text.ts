import type { BigIntStats } from 'node:fs';

/** What a file was like when it was read: another text means that it may hold something else. */
export type StatText = string;

/** What a file is like, of which device, inode, size and times of change say it: equal texts, equal files. */
export function statTextOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): StatText {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
