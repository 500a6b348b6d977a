import type pg from 'pg';
import { Failure } from '../base/failures.js';
import { inTransaction } from '../postgres/connect.js';
import type { BlobInfo, BlobStore, Sha256, WithdrawnBlobs } from './blob-store.js';
import { referencedContents } from './content-references.js';

/**
 * What the cube database says of contents, and the order in which the two change, so that no row ever names a content that is not there:
 * a content is durable in the store before its row commits, and leaves the store in the transaction that has found that nothing refers to it.
 * Both hold the content's lock meanwhile.
 */

/** Notes what a step is about to store, so that its undo finds it, whatever becomes of the step. */
export async function intendBlobs(client: pg.ClientBase, owner: string, contents: readonly Sha256[]): Promise<void> {
  await client.query(
    `insert into storage.intended (owner, sha256) select $1, content from unnest($2::text[]) as content on conflict do nothing`,
    [owner, contents],
  );
}

/**
 * Within the transaction that writes the rows which refer to them: puts contents that are in the store on record, and keeps them there
 * until the transaction ends. Throws `claim_lost`, so that the step is tried again, when one was taken away since it was stored.
 */
export async function recordBlobs(
  client: pg.ClientBase,
  store: BlobStore,
  contents: readonly BlobInfo[],
  { owner, storedBy }: { readonly owner: string; readonly storedBy: string },
): Promise<void> {
  await lockBlobs(
    client,
    contents.map(({ sha256 }) => sha256),
  );
  await Promise.all(
    contents.map(async ({ sha256 }) => {
      if (!(await store.has(sha256)))
        throw new Failure('claim_lost', `The content ${sha256} was taken out of the store since this step stored it.`);
    }),
  );
  await client.query(
    `insert into storage.blobs (sha256, size, stored_by)
     select distinct on (content) content, size, $3 from unnest($1::text[], $2::bigint[]) as stored (content, size)
     on conflict (sha256) do nothing`,
    [contents.map(({ sha256 }) => sha256), contents.map(({ size }) => size), storedBy],
  );
  const addresses = contents.map(({ sha256 }) => sha256);
  // Stored anew: what a verification found of it before no longer holds, and only the next one says that it is whole.
  await client.query('delete from storage.checks where damage is not null and sha256 = any ($1)', [addresses]);
  // What an earlier attempt intended besides stays on record, for the release that follows.
  await client.query('delete from storage.intended where owner = $1 and sha256 = any ($2)', [owner, addresses]);
}

/**
 * Runs `forget`, which deletes rows that refer to contents and returns these, and takes those contents out of the store that nothing
 * refers to any more, and that `storedBy` stored, with those that `owner` intended. Should the transaction fail, they are back in the store.
 * `stagedBy` is whose withdrawn contents they are meanwhile: nothing else may have that name at the same time.
 */
export async function releaseBlobs(
  cube: pg.Pool,
  store: BlobStore,
  { owner, stagedBy, storedBy }: { readonly owner: string; readonly stagedBy: string; readonly storedBy: string },
  forget: (client: pg.PoolClient) => Promise<readonly Sha256[]>,
): Promise<void> {
  let withdrawn: WithdrawnBlobs | undefined;
  try {
    await inTransaction(cube, async (client) => {
      await client.query("set local idle_in_transaction_session_timeout = '15s'");
      const forgotten = new Set(await forget(client));
      const intended = await client.query<{ sha256: Sha256 }>(
        'delete from storage.intended where owner = $1 returning sha256',
        [owner],
      );
      for (const { sha256 } of intended.rows) forgotten.add(sha256);
      const contents = [...forgotten].sort();
      await lockBlobs(client, contents);
      const free = await client.query<{ sha256: Sha256 }>(
        `select content as sha256 from unnest($1::text[]) as content
          where not exists (select from (${referencedContents}) as referenced where referenced.sha256 = content)
            and not exists (select from storage.blobs where sha256 = content and stored_by is distinct from $2)`,
        [contents, storedBy],
      );
      const leaving = free.rows.map(({ sha256 }) => sha256);
      await client.query('delete from storage.blobs where sha256 = any ($1)', [leaving]);
      await client.query('delete from storage.checks where sha256 = any ($1)', [leaving]);
      withdrawn = await store.withdrawMany(leaving, stagedBy);
    });
  } catch (error) {
    // The lock may have been lost with the session, and another may refer to them by now.
    await withdrawn?.putBack();
    throw error;
  }
  // Committed: the locks were held until nothing was there, and what is there now was stored later.
  await withdrawn?.delete();
  await store.discardOf(stagedBy);
}

/** In the order of their addresses, so that two that lock several do not wait for each other. */
export async function lockBlobs(client: pg.ClientBase, contents: readonly Sha256[]): Promise<void> {
  await client.query(
    `select pg_advisory_xact_lock(hashtextextended('cubeshift blob ' || content, 0))
       from (select distinct content collate "C" as content from unnest($1::text[]) as content order by 1) as ordered`,
    [contents],
  );
}
