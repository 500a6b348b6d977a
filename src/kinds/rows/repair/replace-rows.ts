import type pg from 'pg';
import { logBatches, logRemovedIds } from '../../../postgres/ledger/batches.js';
import { multirangeOf } from '../../../postgres/ledger/id-multirange.js';
import { recordRejects, resolveRejects } from '../../../postgres/ledger/rejects.js';
import { recordWithheld, releaseWithheld } from '../../../postgres/ledger/withheld.js';
import { recordContents } from '../../contents/fetch-contents.js';
import { expectUndone } from '../../items-of-rows.js';
import { BatchLog } from '../copy/batch-log.js';
import { TargetTransaction } from '../copy/target-transaction.js';
import { type Cleared, clearTargetRows, expectCleared } from './clear-target-rows.js';
import type { RecopyContext } from './recopy-context.js';
import type { RecopiedPage } from './rows-to-recopy.js';

export interface Recopied {
  readonly migrated: number;
  /** Rejects, and rows that follow one. */
  readonly rejected: number;
  /** Ids that the source no longer has. */
  readonly gone: number;
}

/** What the target holds under these ids leaves, and these rows come, with what the ledger says of both, in one transaction. */
export async function replaceRows(
  context: RecopyContext,
  writer: pg.Client,
  { ids, rows, contents }: RecopiedPage,
): Promise<Recopied> {
  const { mapping, migrationId, worker, token, origin } = context;
  const log = new BatchLog((ids[0] ?? 0n) - 1n, context.settings);
  const found = new Set(rows.map((row) => row.id));
  const gone = ids.filter((id) => !found.has(id));
  const moved = rows.filter((row) => row.kind === 'row');
  const movedIds = moved.map((row) => row.id);
  const stays = new Set(movedIds);
  const leaving = ids.filter((id) => !stays.has(id));
  const leavingIds = multirangeOf(leaving);
  await context.itemsOfRows.undo(mapping.table, leavingIds, context.confirm);
  let cleared: Cleared = { owned: 0, setAside: 0 };
  const transaction = await TargetTransaction.begin(writer, mapping, async (client) => {
    await context.confirm(client);
    cleared = await clearTargetRows(client, mapping, migrationId, ids);
    await expectUndone(context.itemsOfRows, client, mapping.table, leavingIds);
  });
  try {
    for (const row of rows) log.add(row);
    await transaction.write(moved.map((row) => row.bytes));
    log.close();
    await transaction.commit(async (client) => {
      if (mapping.contents !== undefined)
        await recordContents(client, mapping.contents, contents, context.contentAccess);
      const batchContext = {
        migrationId,
        kind: mapping.kind,
        table: mapping.table,
        worker,
        token,
        rangeId: null,
        origin,
      };
      await logBatches(client, batchContext, log.batches);
      // Rows that a run moves again count once; those that it adopts were never counted as its own.
      if (origin !== 'copied') await logRemovedIds(client, batchContext, ids, cleared.owned);
      const { table } = mapping;
      await context.count?.(client, {
        ids,
        moved: movedIds,
        rejects: log.rejects,
        withheld: log.withheld.map(({ sourceId }) => sourceId),
        gone,
        setAside: cleared.setAside,
      });
      await recordRejects(client, migrationId, table, log.rejects);
      await resolveRejects(client, migrationId, table, movedIds, 'migrated');
      await resolveRejects(client, migrationId, table, gone, 'gone');
      if (mapping.parent !== undefined) {
        await releaseWithheld(client, migrationId, table, ids);
        await recordWithheld(client, migrationId, table, log.withheld);
      }
      await expectCleared(client, mapping, leaving);
      context.reach('before-repair-commit');
    });
    context.reach('after-repair-commit');
  } catch (error) {
    await transaction.abandon();
    throw error;
  }
  return { ...log.totals, gone: gone.length };
}
