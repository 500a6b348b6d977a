import { readlinkSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { isS3 } from './storage-place.js';
import type { VariableName } from './variables.js';

/** Legacy's folders: the engine only reads them, and users and the monolith write there as they like. */
const foldersOfLegacy = ['LEGACY_MODEL_DIR', 'LEGACY_STORAGE_DIR'] as const satisfies readonly VariableName[];

/** The variables of those of legacy's folders that lie in the store, hold it, or are the same, also where none of them is there yet. */
export function foldersNotApartFromStore(
  environment: Readonly<Record<string, string | undefined>>,
): readonly VariableName[] {
  const store = environment.CUBE_STORAGE_URL;
  if (!store || isS3(store)) return [];
  return foldersOfLegacy.filter((name) => {
    const folder = environment[name];
    return folder && foldersMeet(store, folder);
  });
}

/** Whether one of two folders lies in the other, or is the same, also where it is not there yet. */
export function foldersMeet(one: string, other: string): boolean {
  return meet(realPlace(one), realPlace(other));
}

function meet(one: string, other: string): boolean {
  return isWithin(one, other) || isWithin(other, one);
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** As many links as Linux follows. */
const maxLinks = 40;

/** Where a path leads, as the system walks it: every link is followed, one to what is not there yet, too. */
function realPlace(path: string): string {
  let place = isAbsolute(path) ? sep : process.cwd();
  const ahead = path.split(sep);
  let links = 0;
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    const next = join(place, name);
    const target = name === '' || name === '..' || links >= maxLinks ? undefined : linkAt(next);
    if (target === undefined) {
      place = name === '..' ? dirname(place) : next;
      continue;
    }
    links += 1;
    if (isAbsolute(target)) place = sep;
    ahead.unshift(...target.split(sep));
  }
  return place;
}

/** What a link says; undefined where there is none, or none that may be read. */
function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
