import { link, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Sha256, WithdrawnBlobs } from '../blob-store.js';
import { atStore } from './at-store.js';
import { synchronizeAll } from './durable.js';
import { lookAt } from './entries.js';
import { makeStaging } from './in-use.js';
import { type Layout, withdrawnOf } from './layout.js';
import { codeOf } from './open-regular.js';

/** Moves contents from their addresses aside, durably together. */
export async function withdrawMany(
  layout: Layout,
  contents: readonly Sha256[],
  owner: string,
): Promise<WithdrawnBlobs> {
  const { root, fanOf } = layout;
  await makeStaging(layout);
  const withdrawn = new Map<Sha256, string>();
  let youngest: Date | undefined;
  const fans = () => [...new Set([...withdrawn.keys()].map(fanOf))];
  const remove = async () => {
    for (const aside of withdrawn.values()) await rm(aside, { force: true, recursive: true });
  };
  const putBack = async () => {
    for (const [sha256, aside] of withdrawn) await linkBack(layout, sha256, aside);
    await synchronizeAll(root, fans());
    await remove();
  };
  try {
    for (const sha256 of contents) {
      const aside = layout.temporary(owner, sha256);
      if (await moveAside(layout, sha256, aside)) withdrawn.set(sha256, aside);
    }
    await synchronizeAll(root, fans());
    const found = await Promise.all([...withdrawn.values()].map(lookAt));
    const times = found.flatMap((file) => file?.mtime.getTime() ?? []);
    youngest = times.length === 0 ? undefined : new Date(Math.max(...times));
  } catch (error) {
    await putBack();
    throw error;
  }
  return {
    contents: [...withdrawn.keys()],
    youngest,
    putBack: () => atStore(root, putBack),
    delete: () => atStore(root, remove),
  };
}

/** Puts back what was moved aside by a program that died. */
export async function putBackFrom(layout: Layout, aside: string): Promise<void> {
  const sha256 = withdrawnOf(basename(aside));
  if (sha256 === undefined) return;
  await linkBack(layout, sha256, aside);
  await synchronizeAll(layout.root, [layout.fanOf(sha256)]);
  await rm(aside, { force: true, recursive: true });
}

/** Moves what lies at an address aside; false where nothing does. */
async function moveAside(layout: Layout, sha256: Sha256, aside: string): Promise<boolean> {
  try {
    await rename(layout.addressOf(sha256), aside);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Another may have stored the content again meanwhile. */
async function linkBack(layout: Layout, sha256: Sha256, aside: string): Promise<void> {
  await link(aside, layout.addressOf(sha256)).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
}
