import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { ReachCrashPoint } from '../../base/crash-points.js';
import { atSide, type Databases } from '../../postgres/databases.js';
import { releaseBlobs } from '../../storage/blob-records.js';
import type { BlobStore, Sha256 } from '../../storage/blob-store.js';
import { forgetPartsOf } from '../../storage/part-records.js';
import type { Assets } from '../assets.js';
import type { ConfirmClaim } from '../items-of-rows.js';

export interface RemoveContentsContext {
  readonly databases: Databases;
  readonly assets: Assets;
  readonly confirm: ConfirmClaim;
  readonly reach: ReachCrashPoint;
  readonly onPage: (removed: { readonly contents: number }) => void;
}

const atOnce = 256;

/**
 * The undo of what steps of a kind stored, once its rows have left: takes out of the store what nothing refers to any more, a page at a time,
 * and what attempts that died left there. Safe to repeat, and to be killed at any instant.
 */
export async function removeContents(storedBy: string, context: RemoveContentsContext): Promise<void> {
  const { databases, assets, confirm, reach, onPage } = context;
  const { cube } = databases;
  const store = assets.store();
  const release = (owner: string, contents: readonly Sha256[]) =>
    atSide('cube', () =>
      releaseBlobs(cube, store, { owner, stagedBy: `${owner}/${randomUUID()}`, storedBy }, async (client) => {
        await confirm(client);
        return contents;
      }),
    );
  for (const owner of await ownersOf(cube, store, storedBy)) {
    await release(owner, []);
    await store.discardOf(owner);
    await forgetPartsOf(cube, store, owner);
  }
  for (let after = ''; ; ) {
    const page = await atSide('cube', () => unreferenced(cube, storedBy, after));
    const last = page.at(-1);
    if (last === undefined) return;
    reach('before-contents-leave');
    await release(`${storedBy}/undo`, page);
    reach('after-contents-left');
    onPage({ contents: page.length });
    after = last;
  }
}

/** Whose work has left something that no row came to refer to. */
async function ownersOf(cube: pg.Pool, store: BlobStore, storedBy: string): Promise<readonly string[]> {
  const prefix = `${storedBy}/`;
  const found = await atSide('cube', () =>
    cube.query<{ owner: string }>(
      `select owner from storage.intended where starts_with(owner, $1)
       union select owner from storage.parts where starts_with(owner, $1)`,
      [prefix],
    ),
  );
  const owners = [...found.rows.map(({ owner }) => owner), ...(await store.owners())];
  return [...new Set(owners)].filter((owner) => owner.startsWith(prefix));
}

async function unreferenced(cube: pg.Pool, storedBy: string, after: string): Promise<readonly Sha256[]> {
  const found = await cube.query<{ sha256: Sha256 }>(
    `select sha256 from storage.blobs
      where stored_by = $1 and sha256 > $2
        and not exists (select from storage.referenced where referenced.sha256 = blobs.sha256)
      order by sha256 limit $3`,
    [storedBy, after, atOnce],
  );
  return found.rows.map(({ sha256 }) => sha256);
}
