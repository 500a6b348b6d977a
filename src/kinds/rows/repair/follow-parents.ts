import type pg from 'pg';
import { maxKey, minKey } from '../../../domain/migration/key-range.js';
import { atSide } from '../../../postgres/databases.js';
import { leftOutAmong, leftOutRows, releasableIds } from '../../../postgres/ledger/withheld.js';
import { without } from '../compare/left-out.js';
import { childrenOf, LeftOutParents } from '../left-out-parents.js';
import { isIndexedByParent } from '../preflight/relations.js';
import { rangeEnds } from '../range-ends.js';
import type { RecopyContext } from './recopy-context.js';
import { recopyRows } from './recopy-rows.js';

/** What is moved again because of what became of its parents. */
export interface FollowContext extends RecopyContext {
  readonly signal: AbortSignal;
  readonly onRange: (followed: { position: bigint; rows: number }) => void;
}

const rowsAtOnce = 2000;
const parentsAtOnce = 500;
const rowsRead = 50_000;

/**
 * Moves the rows of a child table that were withheld for a reject that their parents do not follow any more: they are moved,
 * are rejects of their own, or follow another one. True when all were tried, false when stopped before.
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
 * withheld by now. True when all were checked, false when stopped before.
 */
export async function withholdChildren(context: FollowContext, writer: pg.Client): Promise<boolean> {
  const { databases, mapping } = context;
  if (mapping.parent === undefined) return true;
  return (await isIndexedByParent(databases.legacy, mapping))
    ? withholdByIndex(context, mapping.parent.table, writer)
    : withholdBySpan(context, writer);
}

async function withholdByIndex(context: FollowContext, parentTable: string, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId } = context;
  for (let after = minKey; ; ) {
    if (context.signal.aborted) return false;
    const leftOut = await atSide('cube', () =>
      leftOutRows(databases.cube, migrationId, parentTable, after, parentsAtOnce),
    );
    const last = leftOut.at(-1);
    if (last === undefined) return true;
    const parents = leftOut.map(({ id }) => id);
    for (let from: bigint | undefined = minKey; from !== undefined; ) {
      const span = { after: from, upto: maxKey };
      const children: bigint[] = await childrenOf(databases.legacy, mapping, parents, span, rowsRead);
      await withhold(context, writer, children);
      context.onRange({ position: last.id, rows: children.length });
      from = children.length < rowsRead ? undefined : children.at(-1);
    }
    after = last.id;
  }
}

/** Reads the whole table, span by span, so that no statement takes long. */
async function withholdBySpan(context: FollowContext, writer: pg.Client): Promise<boolean> {
  const { databases, mapping, migrationId } = context;
  const parents = await LeftOutParents.load(databases, migrationId, mapping);
  if (parents === undefined || parents.isEmpty) return true;
  const findRangeEnd = rangeEnds(databases, mapping, 'legacy', rowsRead);
  for (let after = minKey; ; ) {
    if (context.signal.aborted) return false;
    const upto = await findRangeEnd(after);
    if (upto === undefined) return true;
    const children = await parents.childrenIn(databases.legacy, mapping, { after, upto });
    await withhold(context, writer, children);
    context.onRange({ position: upto, rows: children.length });
    after = upto;
  }
}

/** Of these children those that are not withheld yet. */
async function withhold(context: FollowContext, writer: pg.Client, children: readonly bigint[]): Promise<void> {
  const { databases, mapping, migrationId } = context;
  const { table } = mapping;
  for (let start = 0; start < children.length; start += rowsAtOnce) {
    const ids = children.slice(start, start + rowsAtOnce);
    const leftOut = await atSide('cube', () => leftOutAmong(databases.cube, migrationId, table, ids));
    const withheld = leftOut.filter(({ id, reject }) => reject.table !== table || reject.id !== id);
    await recopyRows(
      context,
      writer,
      without(
        ids,
        withheld.map(({ id }) => id),
      ),
    );
  }
}
