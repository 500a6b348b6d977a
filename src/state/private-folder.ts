import { lstatSync } from 'node:fs';

/**
 * Why a folder is not this user's to rely on: what others put there would be read, or written through. `closed` are the
 * rights that group and others must not have. Undefined when it is, and when there is none.
 */
export function whyNotPrivate(folder: string, closed: number): string | undefined {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (!stats.isDirectory()) return 'is no folder';
  if (stats.uid !== process.getuid?.()) return 'belongs to another user';
  return (stats.mode & closed) === 0 ? undefined : 'is open to other users';
}
