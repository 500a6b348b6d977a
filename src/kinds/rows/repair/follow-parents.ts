import type pg from 'pg';
import { minKey } from '../../../domain/migration/key-range.js';
import { atSide } from '../../../postgres/databases.js';
import { heldAmong, heldRows, releasableIds } from '../../../postgres/ledger/withheld.js';
import { childrenOf } from '../held-parents.js';
import { type RecopyContext, recopyRows } from './recopy-rows.js';

/** What is moved again because of what became of its parents. */
export interface FollowContext extends RecopyContext {
  readonly signal: AbortSignal;
  readonly onRange: (followed: { position: bigint; rows: number }) => void;
}

const rowsAtOnce = 2000;
const parentsAtOnce = 10_000;

/**
 * Moves the rows of a child table that were withheld for a reject that their parents do not follow any more: they are moved,
 * are rejects of their own, or follow another one. True when all were tried, false when told to stop before.
 */
export async function moveReleasedRows(context: FollowContext, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId } = context;
  const { parent, table } = mapping;
  if (parent === undefined) return true;
  for (let after = minKey; ; ) {
    if (context.signal.aborted) return false;
    const ids = await atSide('cube', () =>
      releasableIds(databases.cube, migrationId, table, parent.table, after, rowsAtOnce),
    );
    const last = ids.at(-1);
    if (last === undefined) return true;
    await recopyRows(context, writer, ids);
    context.onRange({ position: last, rows: ids.length });
    after = last;
  }
}

/**
 * Takes the rows of a child table out of the target, and puts them on record as withheld, whose parents are rejected or
 * withheld by now. True when all were looked at, false when told to stop before.
 */
export async function withholdChildren(context: FollowContext, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId } = context;
  const { parent } = mapping;
  if (parent === undefined) return true;
  for (let after = minKey; ; ) {
    if (context.signal.aborted) return false;
    const held = await atSide('cube', () => heldRows(databases.cube, migrationId, parent.table, after, parentsAtOnce));
    const last = held.at(-1);
    if (last === undefined) return true;
    const parents = held.map(({ id }) => id);
    const children = await childrenOf(databases.legacy, mapping, parents);
    for (let start = 0; start < children.length; start += rowsAtOnce) {
      if (context.signal.aborted) return false;
      const ids = await notWithheld(context, children.slice(start, start + rowsAtOnce));
      await recopyRows(context, writer, ids);
      context.onRange({ position: last.id, rows: ids.length });
    }
    after = last.id;
  }
}

async function notWithheld({ databases, mapping, migrationId }: FollowContext, ids: readonly bigint[]) {
  const { table } = mapping;
  const held = await atSide('cube', () => heldAmong(databases.cube, migrationId, table, ids));
  const withheld = new Set(
    held.filter(({ id, reject }) => reject.table !== table || reject.id !== id).map(({ id }) => id),
  );
  return ids.filter((id) => !withheld.has(id));
}
