import { readdir } from 'node:fs/promises';
import { Failure } from '../base/failures.js';
import { parseStorage } from '../config/parsers/words.js';
import { foldersMeet } from '../config/separate-folders.js';
import { s3Place } from '../config/storage-place.js';
import type { BlobStore } from './blob-store.js';
import { openStore, type StorageSettings } from './open-store.js';

const neededByS3 = ['CUBE_STORAGE_ENDPOINT', 'CUBE_STORAGE_ACCESS_KEY', 'CUBE_STORAGE_SECRET_KEY'] as const;

/**
 * The place to which the contents of the store are to be brought: a bucket of the server that the variables name, with the keys that they
 * have, or a folder that is empty or a store. Throws `invalid_input` for anything else, and `configuration_invalid` without such variables.
 */
export async function openMoveTarget(settings: StorageSettings, to: string): Promise<BlobStore> {
  const problem = placeProblem(to) ?? (meets(settings.CUBE_STORAGE_URL, to) ? itself : undefined);
  if (problem !== undefined) throw refused(problem);
  if (s3Place(to) === undefined) await assertMayBeStore(to);
  else {
    const missing = neededByS3.filter((name) => settings[name] === '');
    if (missing.length > 0)
      throw new Failure('configuration_invalid', `${listed(missing)} not set, which a store at ${to} needs.`, {
        hint: 'Set them for the control API and start it again: of a stack by `cubeshift down`, then `cubeshift up --detach`.',
      });
  }
  return openStore({ ...settings, CUBE_STORAGE_URL: to });
}

const itself = 'is the store itself, lies within it, or holds it';

function placeProblem(to: string): string | undefined {
  try {
    return parseStorage(to).startsWith('/') || s3Place(to) !== undefined
      ? undefined
      : 'must be s3://BUCKET/PREFIX or an absolute path';
  } catch (error) {
    return error instanceof Error ? error.message : 'is no place for a store';
  }
}

function meets(store: string, to: string): boolean {
  const [one, other] = [s3Place(store), s3Place(to)];
  if (one === undefined || other === undefined) return one === other && foldersMeet(store, to);
  const [first, second] = [`${one.prefix}/`, `${other.prefix}/`].map((prefix) => prefix.replace(/^\/$/, ''));
  return one.bucket === other.bucket && (first?.startsWith(second ?? '') || second?.startsWith(first ?? '') || false);
}

/** Whoever may move contents may not write into any folder of the machine. */
async function assertMayBeStore(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown): string[] => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return [];
    throw refused(`cannot be read as a folder (${code})`);
  });
  if (names.length > 0 && !names.includes('.staging')) throw refused('is a folder that is neither empty nor a store');
}

function listed(names: readonly string[]): string {
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)} are` : `${names[0]} is`;
}

function refused(problem: string): Failure {
  return new Failure('invalid_input', `body.to ${problem}.`, {
    hint: 'Name an empty folder, or a place in a bucket where nothing is.',
    details: { field: 'body.to' },
  });
}
