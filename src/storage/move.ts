import type pg from 'pg';
import { Failure } from '../base/failures.js';
import { inParallel } from '../base/in-parallel.js';
import type { MoveView, UnmovedContent } from '../domain/blob-move.js';
import { inTransaction } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';
import {
  type BlobDamage,
  BlobDamaged,
  type BlobInfo,
  BlobMissing,
  type BlobStore,
  type SeekableContent,
  type Sha256,
  type StagedBlob,
  verified,
} from './blob-store.js';
import { partRecords } from './part-records.js';
import { keepStoreAtRest } from './store-at-rest.js';

export interface MoveContext {
  readonly cube: pg.Pool;
  readonly store: BlobStore;
  /** The place to which contents are brought, and its name. */
  readonly target: BlobStore;
  readonly to: string;
}

const owner = 'move';
const roundMillis = 15_000;
const listedAtOnce = 500;
const copiedAtOnce = 16;
/** A larger content comes in parts: a program that dies does not begin it again. */
const maxWholeBytes = 8 * 1024 * 1024;
const maxItems = 100;

/**
 * Brings contents from the store to another place, where each is read back; the store itself stays as it is. Goes on for a round, and
 * returns where the next one begins. What is there already, every byte of it right, is not copied again. Throws `not_at_this_stage` while a
 * migration uses the store.
 */
export async function moveStore(context: MoveContext, cursor: Sha256 | undefined): Promise<MoveView> {
  const end = performance.now() + roundMillis;
  const { cube, store, target, to } = context;
  await assertAtRest(cube);
  // Begins the place, where that was not done before.
  await target.stageMany(owner, async () => undefined);
  if (cursor === undefined) await target.discardOf(owner);
  const moved = { contents: 0, bytes: 0, already_there: 0 };
  const unmoved: UnmovedContent[] = [];
  for (let after = cursor ?? ''; ; ) {
    const page = await firstOf(store.list(after), listedAtOnce);
    const last = page.length < listedAtOnce ? undefined : page.at(-1)?.sha256;
    unmoved.push(...(await missingIn(context, page, after, last)));
    const outcomes = await inParallel(page, copiedAtOnce, async (blob) => ({
      blob,
      outcome: await moveOne(context, blob),
    }));
    for (const { blob, outcome } of outcomes) {
      if (outcome === 'copied') [moved.contents, moved.bytes] = [moved.contents + 1, moved.bytes + blob.size];
      else if (outcome === 'there') moved.already_there += 1;
      else unmoved.push({ sha256: blob.sha256, damage: outcome });
    }
    await assertAtRest(cube);
    if (last === undefined || performance.now() >= end)
      return {
        to,
        ...moved,
        unmoved: unmoved.length,
        items: unmoved.slice(0, maxItems),
        next_cursor: last ?? null,
        missing_there: last === undefined ? await missingThere(context) : null,
      };
    after = last;
  }
}

async function moveOne(context: MoveContext, blob: BlobInfo): Promise<'copied' | 'there' | BlobDamage> {
  const { target } = context;
  const { sha256 } = blob;
  if ((await target.has(sha256)) && (await target.check(sha256)) === null) return 'there';
  let staged: StagedBlob;
  try {
    staged = await stage(context, blob);
  } catch (error) {
    if (error instanceof BlobDamaged) return 'damaged';
    if (error instanceof BlobMissing) return 'missing';
    throw error;
  }
  if (staged.sha256 !== sha256) {
    await staged.discard();
    return 'damaged';
  }
  await staged.keep();
  if ((await target.check(sha256)) === null) return 'copied';
  throw new Failure('storage_unreachable', `What was written to ${context.to} is not what is read there.`, {
    safe: 'The store is as it was, and is still the one in use.',
    hint: 'See that the disks there are sound, and that no other program writes there; then type the same again.',
  });
}

function stage({ cube, store, target, to }: MoveContext, { sha256, size }: BlobInfo): Promise<StagedBlob> {
  if (size <= maxWholeBytes) return target.stage(verified(store, sha256), owner);
  const content: SeekableContent = {
    size,
    stat: sha256,
    async *from(position) {
      yield* await store.open(sha256, { start: position, end: size - 1 });
    },
  };
  const name = `${to} ${sha256}`;
  return target.stageInParts(content, { owner, name, records: partRecords(cube, owner, name) });
}

/** What is on record between the same addresses as a page of the store, and is not in it. */
async function missingIn(
  { cube }: MoveContext,
  page: readonly BlobInfo[],
  after: Sha256,
  last: Sha256 | undefined,
): Promise<readonly UnmovedContent[]> {
  const found = await atSide('cube', () =>
    cube.query<{ sha256: Sha256 }>(
      `select sha256 from storage.blobs
        where sha256 > $1 and ($2::text is null or sha256 <= $2) and sha256 <> all ($3::text[]) order by sha256`,
      [after, last ?? null, page.map(({ sha256 }) => sha256)],
    ),
  );
  return found.rows.map(({ sha256 }) => ({ sha256, damage: 'missing' }));
}

/** What came on record meanwhile is looked for, too, while nothing more can come. */
async function missingThere({ cube, target }: MoveContext): Promise<number> {
  const there = new Set<Sha256>();
  for await (const { sha256 } of target.list()) there.add(sha256);
  return atSide('cube', () =>
    inTransaction(cube, async (client) => {
      await keepStoreAtRest(client);
      const recorded = await client.query<{ sha256: Sha256 }>('select sha256 from storage.blobs');
      return recorded.rows.filter(({ sha256 }) => !there.has(sha256)).length;
    }),
  );
}

/** Nothing leaves the store, and so a migration that begins meanwhile loses nothing: it only ends the move. */
function assertAtRest(cube: pg.Pool): Promise<void> {
  return atSide('cube', () => inTransaction(cube, keepStoreAtRest));
}

async function firstOf<T>(items: AsyncIterable<T>, max: number): Promise<readonly T[]> {
  const first: T[] = [];
  for await (const item of items) {
    first.push(item);
    if (first.length === max) break;
  }
  return first;
}
