import type pg from 'pg';
import type { ReachCrashPoint } from '../base/crash-points.js';
import { firstOf } from '../base/first-of.js';
import { migrationKinds } from '../domain/catalog.js';
import type { SweepView, SweptContent } from '../domain/sweep.js';
import { sweptAfterMillis } from '../domain/sweep.js';
import { atSide } from '../postgres/databases.js';
import { lockBlobs } from './blob-records.js';
import type { BlobStore, Sha256, StoredBlob, TemporaryBlob, WithdrawnBlobs } from './blob-store.js';
import { referencedContents } from './content-references.js';
import { atRest } from './store-at-rest.js';

export interface SweepContext {
  readonly cube: pg.Pool;
  readonly store: BlobStore;
  readonly clock: () => Date;
  readonly reach: ReachCrashPoint;
}

export interface SweepRequest {
  readonly dryRun: boolean;
  /** `next_cursor` of the call before. */
  readonly cursor?: Sha256 | undefined;
}

const owner = 'sweep';
const roundMillis = 15_000;
const listedAtOnce = 500;
const removedAtOnce = 50;
const maxItems = 100;

/**
 * Removes from the store what nothing refers to and is older than a day, by its record and by its file: contents, records without a file,
 * and temporary files. Goes on for a round, and returns where the next one begins. A content leaves as `releaseBlobs` has it leave; what a
 * program withdrew that died in its middle is put back first, and judged anew. Throws `not_at_this_stage` while a migration uses the store.
 */
export async function sweepStore(context: SweepContext, { dryRun, cursor }: SweepRequest): Promise<SweepView> {
  const end = performance.now() + roundMillis;
  const { cube, store } = context;
  const cutoff = new Date(context.clock().getTime() - sweptAfterMillis);
  await assertThere(cube, store);
  await atRest(cube, async () => (dryRun || cursor !== undefined ? undefined : store.putBackOf(owner)));
  const temporaryFiles = cursor === undefined ? await sweepTemporary(context, dryRun, cutoff) : 0;
  const swept: SweptContent[] = [];
  for (let after = cursor ?? ''; ; ) {
    const page = await firstOf(store.list(after), listedAtOnce);
    const last = page.length < listedAtOnce ? undefined : page.at(-1)?.sha256;
    const found = await findFree(cube, page, cutoff, after, last);
    if (dryRun) swept.push(...found);
    else
      for (let from = 0; from < found.length; from += removedAtOnce)
        swept.push(...(await removeFree(context, found.slice(from, from + removedAtOnce), cutoff)));
    if (last === undefined || performance.now() >= end)
      return {
        dry_run: dryRun,
        contents: swept.length,
        bytes: swept.reduce((sum, { size }) => sum + size, 0),
        temporary_files: temporaryFiles,
        items: swept.slice(0, maxItems),
        next_cursor: last ?? null,
      };
    after = last;
  }
}

/** Throws `storage_unreachable` for an empty folder, as of a disk that is not mounted, where contents are on record. */
async function assertThere(cube: pg.Pool, store: BlobStore): Promise<void> {
  const found = await atSide('cube', () =>
    cube.query<{ sha256: Sha256 }>('select sha256 from storage.blobs order by sha256 limit 1'),
  );
  for (const { sha256 } of found.rows) await store.has(sha256);
}

async function sweepTemporary({ cube, store }: SweepContext, dryRun: boolean, cutoff: Date): Promise<number> {
  const old: TemporaryBlob[] = [];
  for await (const file of store.temporary()) if (file.changedAt < cutoff && !file.isOf(owner)) old.push(file);
  if (dryRun) return old.length;
  for (let from = 0; from < old.length; from += removedAtOnce)
    await atRest(cube, async () => {
      for (const file of old.slice(from, from + removedAtOnce)) await file.discard();
    });
  return old.length;
}

/** SQL of a record that is old enough, and of a kind of which this program knows what refers to its contents. */
const mayLeave = (record: string, cutoff: string, kinds: string) =>
  `${record}.stored_at < ${cutoff} and (${record}.stored_by is null or ${record}.stored_by = any (${kinds}::text[]))`;

/** Of a page of the store, and of the records between the same addresses, what nothing refers to. */
async function findFree(
  cube: pg.Pool,
  page: readonly StoredBlob[],
  cutoff: Date,
  after: Sha256,
  last: Sha256 | undefined,
): Promise<readonly SweptContent[]> {
  const found = await atSide('cube', () =>
    cube.query<SweptContent>(
      `select sha256, coalesce(file.size, record.size)::float8 as size,
              to_char(record.stored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as stored_at
         from unnest($1::text[], $2::bigint[], $3::boolean[]) as file (sha256, size, is_old)
         full join (select * from storage.blobs where sha256 > $4 and ($5::text is null or sha256 <= $5)) as record using (sha256)
        where is_old is not false and (record.stored_at is null or ${mayLeave('record', '$6::timestamptz', '$7')})
          and not exists (select from (${referencedContents}) as referenced where referenced.sha256 = coalesce(file.sha256, record.sha256))
        order by sha256`,
      [
        page.map(({ sha256 }) => sha256),
        page.map(({ size }) => size),
        page.map(({ storedAt }) => storedAt < cutoff),
        after,
        last ?? null,
        cutoff,
        migrationKinds,
      ],
    ),
  );
  return found.rows;
}

/** Looks again under the contents' locks, which a step holds that stores one. */
async function removeFree(
  { cube, store, reach }: SweepContext,
  found: readonly SweptContent[],
  cutoff: Date,
): Promise<readonly SweptContent[]> {
  let withdrawn: WithdrawnBlobs | undefined;
  let leaving: readonly Sha256[] = [];
  try {
    await atRest(cube, async (client) => {
      const contents = found.map(({ sha256 }) => sha256);
      await lockBlobs(client, contents);
      const free = await client.query<{ sha256: Sha256 }>(
        `select content as sha256 from unnest($1::text[]) as content left join storage.blobs as record on record.sha256 = content
          where (record.sha256 is null or ${mayLeave('record', '$2::timestamptz', '$3')})
            and not exists (select from (${referencedContents}) as referenced where referenced.sha256 = content)`,
        [contents, cutoff, migrationKinds],
      );
      leaving = free.rows.map(({ sha256 }) => sha256);
      withdrawn = await store.withdrawMany(leaving, owner);
      reach('after-contents-withdrawn');
      if (withdrawn.youngest !== undefined && withdrawn.youngest >= cutoff) {
        // One of them was stored anew since it was listed: all stay until the next sweep.
        await withdrawn.putBack();
        [leaving, withdrawn] = [[], undefined];
        return;
      }
      await client.query('delete from storage.blobs where sha256 = any ($1)', [leaving]);
      await client.query('delete from storage.checks where sha256 = any ($1)', [leaving]);
    });
  } catch (error) {
    await withdrawn?.putBack();
    throw error;
  }
  reach('after-sweep-commit');
  await withdrawn?.delete();
  return found.filter(({ sha256 }) => leaving.includes(sha256));
}
