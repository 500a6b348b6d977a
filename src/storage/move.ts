import type pg from 'pg';
import { Failure } from '../base/failures.js';
import { firstOf } from '../base/first-of.js';
import { inParallel } from '../base/in-parallel.js';
import type { MoveView, UnmovedContent } from '../domain/blob-move.js';
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
import { asOnlyMove } from './one-move.js';
import { forgetPartsOf, partRecords } from './part-records.js';
import { atRest } from './store-at-rest.js';

export interface MoveContext {
  readonly cube: pg.Pool;
  readonly store: BlobStore;
  /** The place to which contents are brought, and its name. */
  readonly target: BlobStore;
  readonly to: string;
  /** After how long no other content is begun. */
  readonly roundMillis?: number;
}

const owner = 'move';
const listedAtOnce = 500;
const copiedAtOnce = 16;
/** A larger content comes in parts: a program that dies does not begin it again. */
const maxWholeBytes = 8 * 1024 * 1024;
const maxItems = 100;

/**
 * Brings contents from the store to another place, where each is read back; the store itself stays as it is. Goes on for a round, and
 * returns where the next one begins: a content that was begun is finished, and a round finishes one at least. What is there already, every byte
 * of it right, is not copied again. Throws `not_at_this_stage` while a migration uses the store, or another call moves it.
 */
export function moveStore(context: MoveContext, cursor: Sha256 | undefined): Promise<MoveView> {
  return asOnlyMove(context.cube, () => moveRound(context, cursor));
}

async function moveRound(context: MoveContext, cursor: Sha256 | undefined): Promise<MoveView> {
  const { cube, store, target, to, roundMillis = 15_000 } = context;
  const end = performance.now() + roundMillis;
  await assertAtRest(cube);
  // Begins the place, where that was not done before.
  await target.stageMany(owner, async () => undefined);
  if (cursor === undefined) await target.discardOf(owner);
  const moved = { contents: 0, bytes: 0, already_there: 0 };
  const unmoved: UnmovedContent[] = [];
  let isBegun = false;
  const mayBegin = () => {
    const may = !isBegun || performance.now() < end;
    isBegun = true;
    return may;
  };
  for (let after = cursor ?? ''; ; ) {
    const page = await firstOf(store.list(after), listedAtOnce);
    const begun = await moveBegun(context, page, mayBegin);
    const isEnd = begun.length === page.length && page.length < listedAtOnce;
    // Where the round was over before any of the page was begun, the next one begins there.
    const last = isEnd ? undefined : (begun.at(-1)?.blob.sha256 ?? after);
    for (const { blob, outcome } of begun) {
      if (outcome === 'copied') [moved.contents, moved.bytes] = [moved.contents + 1, moved.bytes + blob.size];
      else if (outcome === 'there') moved.already_there += 1;
      else if (outcome === 'damaged') unmoved.push({ sha256: blob.sha256, damage: outcome });
    }
    // What has left the store since it was listed is missed only where it is on record: a sweep may have removed it.
    const listed = begun.filter(({ outcome }) => outcome !== 'missing').map(({ blob }) => blob.sha256);
    unmoved.push(...(await missingIn(context, listed, after, last)));
    await assertAtRest(cube);
    // Of moves that were ended in the middle of a large content, and of contents that left the store meanwhile.
    if (isEnd) await forgetPartsOf(cube, target, owner);
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

interface Begun {
  readonly blob: BlobInfo;
  readonly outcome: 'copied' | 'there' | BlobDamage;
}

/** Moves the contents of a page up to the first that may not be begun any more. */
async function moveBegun(
  context: MoveContext,
  page: readonly BlobInfo[],
  mayBegin: () => boolean,
): Promise<readonly Begun[]> {
  const outcomes = await inParallel(page, copiedAtOnce, async (blob) =>
    mayBegin() ? [{ blob, outcome: await moveOne(context, blob) }] : [],
  );
  return outcomes.flat();
}

async function moveOne(context: MoveContext, blob: BlobInfo): Promise<Begun['outcome']> {
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

/** What is on record between the same addresses as contents of the store, and is none of these. */
async function missingIn(
  { cube }: MoveContext,
  listed: readonly Sha256[],
  after: Sha256,
  last: Sha256 | undefined,
): Promise<readonly UnmovedContent[]> {
  const found = await atSide('cube', () =>
    cube.query<{ sha256: Sha256 }>(
      `select sha256 from storage.blobs
        where sha256 > $1 and ($2::text is null or sha256 <= $2) and sha256 <> all ($3::text[]) order by sha256`,
      [after, last ?? null, listed],
    ),
  );
  return found.rows.map(({ sha256 }) => ({ sha256, damage: 'missing' }));
}

/** What came on record meanwhile is looked for, too, while nothing more can come. */
async function missingThere({ cube, target }: MoveContext): Promise<number> {
  const there = new Set<Sha256>();
  for await (const { sha256 } of target.list()) there.add(sha256);
  return atRest(cube, async (client) => {
    const recorded = await client.query<{ sha256: Sha256 }>('select sha256 from storage.blobs');
    return recorded.rows.filter(({ sha256 }) => !there.has(sha256)).length;
  });
}

/** Nothing leaves the store, and so a migration that begins meanwhile loses nothing: it only ends the move. */
function assertAtRest(cube: pg.Pool): Promise<void> {
  return atRest(cube, async () => undefined);
}
