import type pg from 'pg';
import { Failure } from '../base/failures.js';

/** Throws within the transaction unless the caller's claim is still the newest. */
export type ConfirmClaim = (client: pg.ClientBase) => Promise<void>;

/** What a step on rows has done to the items whose rows it changes. All are safe to repeat. */
export interface ItemsOfRows {
  /**
   * Undoes the steps of the items with these ids (the text of an int8multirange). Call it before their rows leave the cube: a step may
   * need the row to be undone, and an undo after the row is lost with a worker that is killed between the two.
   */
  undo(table: string, ids: string, confirm: ConfirmClaim): Promise<void>;
  /**
   * Of the items with these ids those of which a step is not undone, as the text of an int8multirange. Call it in the transaction that takes
   * their rows out, once the ledger has let go of the ids: from then on no step of theirs begins.
   */
  notUndone(client: pg.ClientBase, table: string, ids: string): Promise<string>;
  /** Makes the plan carry the steps of the items with these ids out again. Call it before their rows are repaired. */
  reopen(table: string, ids: readonly bigint[], confirm: ConfirmClaim): Promise<void>;
}

/** Of a kind whose plan is `rows`. */
export const noItems: ItemsOfRows = {
  undo: async () => undefined,
  notUndone: async () => '{}',
  reopen: async () => undefined,
};

/** Throws `claim_lost`, so that the work is tried again from its undo on, when an attempt that woke up late has begun a step since. */
export async function expectUndone(
  itemsOfRows: ItemsOfRows,
  client: pg.ClientBase,
  table: string,
  ids: string,
): Promise<void> {
  const left = await itemsOfRows.notUndone(client, table, ids);
  if (left !== '{}')
    throw new Failure('claim_lost', `Another worker began a step of items of ${table} whose rows leave: ids ${left}.`);
}
