import type pg from 'pg';
import { Failure } from '../base/failures.js';
import { migrationKinds } from '../domain/catalog.js';
import { storingKinds } from '../domain/contents.js';
import { inTransaction } from '../postgres/connect.js';
import { atSide } from '../postgres/databases.js';
import { holdStarts } from '../postgres/ledger/start-lock.js';

/** A kind of a later version may use the store. */
const otherKinds = migrationKinds.filter((kind) => !storingKinds.includes(kind));

/**
 * Until the transaction ends no migration of a kind that uses the store begins or goes on. Throws `not_at_this_stage` while one works, or
 * has stopped in the middle of its work; one that waits for a command does nothing to the store.
 */
export async function keepStoreAtRest(client: pg.ClientBase): Promise<void> {
  await client.query("set local idle_in_transaction_session_timeout = '15s'");
  await holdStarts(client);
  const unfinished = await client.query<{ id: string; kind: string; status: string }>(
    `select id, kind, status from ledger.migrations
      where finished_at is null and kind <> all ($1::text[]) order by started_at for share`,
    [otherKinds],
  );
  const working = unfinished.rows.find(({ status }) => status !== 'waiting');
  if (working === undefined) return;
  const { id, kind, status } = working;
  throw new Failure('not_at_this_stage', `The ${kind} migration ${id}, which uses the store, is ${status}.`, {
    safe: 'Nothing is removed from the store while it is.',
    hint: `Type the same again when it waits or has ended; \`cubeshift migrate status ${id}\` shows what it does.`,
  });
}

/** Does something with the ledger in a transaction for whose time the store is at rest. Throws `not_at_this_stage` where it is not. */
export function atRest<T>(cube: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return atSide('cube', () =>
    inTransaction(cube, async (client) => {
      await keepStoreAtRest(client);
      return work(client);
    }),
  );
}
