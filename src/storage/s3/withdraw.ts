import { inParallel } from '../../base/in-parallel.js';
import type { Sha256, WithdrawnBlobs } from '../blob-store.js';
import type { Bucket } from './bucket.js';
import type { Copies } from './copies.js';
import { type Layout, withdrawnOf } from './layout.js';

export interface Withdrawing {
  readonly bucket: Bucket;
  readonly copies: Copies;
  readonly layout: Layout;
}

const atOnce = 16;

/** Copies contents from their addresses aside and deletes them there. */
export async function withdrawMany(
  { bucket, copies, layout }: Withdrawing,
  contents: readonly Sha256[],
  owner: string,
): Promise<WithdrawnBlobs> {
  const withdrawn = new Map<Sha256, { readonly aside: string; readonly storedAt: Date }>();
  const remove = async () => {
    await inParallel([...withdrawn.values()], atOnce, ({ aside }) => bucket.delete(aside));
  };
  const putBack = async () => {
    await inParallel([...withdrawn], atOnce, ([sha256, { aside }]) =>
      copyBack({ bucket, copies, layout }, sha256, aside),
    );
    await remove();
  };
  try {
    await inParallel(contents, atOnce, async (sha256) => {
      const address = layout.addressOf(sha256);
      const found = await bucket.look(address);
      if (found === undefined) return;
      const aside = layout.temporary(owner, sha256);
      if (!(await copies.copy(address, aside))) return;
      withdrawn.set(sha256, { aside, storedAt: found.changedAt });
      await bucket.delete(address);
    });
  } catch (error) {
    await putBack();
    throw error;
  }
  const times = [...withdrawn.values()].map(({ storedAt }) => storedAt.getTime());
  return {
    contents: contents.filter((sha256) => withdrawn.has(sha256)),
    youngest: times.length === 0 ? undefined : new Date(Math.max(...times)),
    putBack,
    delete: remove,
  };
}

/** Puts back what was copied aside by a program that died. */
export async function putBackFrom(withdrawing: Withdrawing, aside: string): Promise<void> {
  const sha256 = withdrawnOf(aside);
  if (sha256 === undefined) return;
  await copyBack(withdrawing, sha256, aside);
  await withdrawing.bucket.delete(aside);
}

/** Another may have stored the content again meanwhile. */
async function copyBack({ bucket, copies, layout }: Withdrawing, sha256: Sha256, aside: string): Promise<void> {
  const address = layout.addressOf(sha256);
  if ((await bucket.look(address)) === undefined) await copies.copy(aside, address);
}
