import type pg from 'pg';
import { maxKey, minKey } from '../../../domain/migration/key-range.js';
import type { RowRef } from '../../../domain/migration/row-name.js';
import { atSide } from '../../../postgres/databases.js';
import { confirmOperation } from '../../../postgres/ledger/operations.js';
import { unresolvedRejectIds } from '../../../postgres/ledger/rejects.js';
import { type FollowContext, moveReleasedRows } from './follow-parents.js';
import { recopyRows } from './recopy-rows.js';
import type { RepairContext } from './repair.js';

const rejectsAtOnce = 2000;

/**
 * Tries rejects again, all that are not in the target or those named, parents before their children; rows that followed a
 * reject which went through are moved with it. True when all were tried, false when stopped before.
 */
export async function retryRejects(
  context: RepairContext,
  writer: pg.Client,
  rows: 'all' | readonly RowRef[],
): Promise<boolean> {
  const { claim } = context;
  for (const mapping of context.tables) {
    const recopy: FollowContext = {
      ...context,
      mapping,
      token: claim.token,
      origin: 'retried',
      confirm: (client) => confirmOperation(client, claim),
    };
    const ids =
      rows === 'all' ? rows : new Set(rows.filter(({ table }) => table === mapping.table).map(({ id }) => id));
    if (!(await retryTable(recopy, writer, ids)) || !(await moveReleasedRows(recopy, writer))) return false;
  }
  return true;
}

async function retryTable(
  context: FollowContext,
  writer: pg.Client,
  ids: 'all' | ReadonlySet<string>,
): Promise<boolean> {
  const { databases, mapping, migrationId } = context;
  for (let after = minKey; ; ) {
    const page = await atSide('cube', () =>
      unresolvedRejectIds(databases.cube, migrationId, mapping.table, after, maxKey, rejectsAtOnce),
    );
    const last = page.at(-1);
    if (last === undefined) return true;
    if (context.signal.aborted) return false;
    const tried = ids === 'all' ? page : page.filter((id) => ids.has(id.toString()));
    await recopyRows(context, writer, tried);
    context.onRange({ position: last, rows: tried.length });
    after = last;
  }
}
