import { lstat } from 'node:fs/promises';
import { Failure } from '../../base/failures.js';
import { makeFolder } from './durable.js';
import type { Layout } from './layout.js';
import { codeOf } from './open-regular.js';

/** The stores that this program has found or made. */
const inUse = new Set<string>();

/** Begins a store. One that was there before and is there no more is not begun again: its disk was most often unmounted. */
export async function makeStaging(layout: Layout): Promise<void> {
  if (inUse.has(layout.root)) await assertInUse(layout);
  else await makeFolder(layout.staging);
  inUse.add(layout.root);
}

/** Throws where nothing was ever staged: contents that are missing there are missing because the store itself is. */
export async function assertInUse({ root, staging }: Layout): Promise<void> {
  try {
    await lstat(staging);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new Failure('storage_unreachable', `Nothing was ever stored in ${root}.`, {
      safe: 'Nothing was changed there.',
      hint: `Mount the disk of CUBE_STORAGE_URL, or correct CUBE_STORAGE_URL. If the contents are lost, make the folder ${staging}: a verification then finds which.`,
    });
  }
}
