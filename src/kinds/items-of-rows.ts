import type pg from 'pg';

/** Throws within the transaction unless the caller's claim is still the newest. */
export type ConfirmClaim = (client: pg.ClientBase) => Promise<void>;

/** What a step on rows has done to the items whose rows it changes. Both are safe to repeat. */
export interface ItemsOfRows {
  /**
   * Undoes the steps of the items with these ids (the text of an int8multirange). Call it before their rows leave the cube: a step may
   * need the row to be undone, and an undo after the row is lost with a worker that is killed between the two.
   */
  undo(table: string, ids: string, confirm: ConfirmClaim): Promise<void>;
  /** Makes the plan carry the steps of the items with these ids out again. Call it before their rows are repaired. */
  reopen(table: string, ids: readonly bigint[], confirm: ConfirmClaim): Promise<void>;
}

/** Of a kind whose plan is `rows`. */
export const noItems: ItemsOfRows = { undo: async () => undefined, reopen: async () => undefined };
