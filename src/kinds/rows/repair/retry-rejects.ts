import type pg from 'pg';
import { minKey } from '../../../domain/migration/key-range.js';
import type { SelectedRejects } from '../../../domain/migration/reject-selection.js';
import { atSide } from '../../../postgres/databases.js';
import {
  beginOperation,
  countOtherReasons,
  countOutcomes,
  finishOperation,
  type OperationResult,
} from '../../../postgres/ledger/operation-results.js';
import { confirmOperation } from '../../../postgres/ledger/operations.js';
import { selectedRejectIds } from '../../../postgres/ledger/selected-rejects.js';
import { type FollowContext, moveReleasedRows } from './follow-parents.js';
import { recopyRows } from './recopy-rows.js';
import type { RepairContext } from './repair.js';

const rejectsAtOnce = 2000;

/**
 * Tries the selected rejects again that are not in the target, parents before their children; rows that followed a reject which
 * went through are moved with it. True when all were tried, false when stopped before.
 */
export async function retryRejects(
  context: RepairContext,
  writer: pg.Client,
  selection: SelectedRejects,
): Promise<boolean> {
  const { claim } = context;
  const result = await atSide('cube', () => beginOperation(writer, claim, 'rejects/retry', selection));
  if (result.isFinished) return true;
  for (const mapping of context.tables) {
    const recopy: FollowContext = {
      ...context,
      mapping,
      token: claim.token,
      origin: 'retried',
      confirm: (client) => confirmOperation(client, claim),
    };
    const finished =
      (await retryTable({ ...recopy, ...countingRejects(recopy, result) }, writer, selection, result)) &&
      (await moveReleasedRows({ ...recopy, ...countingChildren(recopy, result) }, writer));
    if (!finished) return false;
  }
  await atSide('cube', () => finishOperation(writer, result));
  return true;
}

type Counting = Required<Pick<FollowContext, 'count'>>;

function countingRejects({ mapping: { table }, migrationId }: FollowContext, result: OperationResult): Counting {
  return {
    count: async (client, { moved, rejects, withheld, gone }) =>
      countOutcomes(client, result, table, {
        moved: moved.length,
        gone: gone.length,
        following: withheld.length,
        other_reason: await countOtherReasons(client, migrationId, table, rejects),
      }),
  };
}

function countingChildren({ mapping: { table } }: FollowContext, result: OperationResult): Counting {
  return {
    count: (client, { moved, rejects }) =>
      countOutcomes(client, result, table, { children_moved: moved.length, children_rejected: rejects.length }),
  };
}

async function retryTable(
  context: FollowContext,
  writer: pg.Client,
  selection: SelectedRejects,
  { id }: OperationResult,
): Promise<boolean> {
  const { databases, mapping, migrationId } = context;
  for (let after = minKey; ; ) {
    const page = await atSide('cube', () =>
      selectedRejectIds(databases.cube, migrationId, mapping.table, selection, id, after, rejectsAtOnce),
    );
    const last = page.at(-1);
    if (last === undefined) return true;
    if (context.signal.aborted) return false;
    await recopyRows(context, writer, page);
    context.onRange({ position: last, rows: page.length });
    after = last;
  }
}
