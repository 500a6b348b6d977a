import type pg from 'pg';
import { atSide } from '../../../postgres/databases.js';
import { logRemovedIds } from '../../../postgres/ledger/batches.js';
import { multirangeOf } from '../../../postgres/ledger/id-multirange.js';
import { expectUndone } from '../../items-of-rows.js';
import { type Cleared, clearTargetRows, expectCleared } from './clear-target-rows.js';
import type { RecopyContext } from './recopy-context.js';

/**
 * Takes rows out of the target that the source does not have, by ascending ids: deleted when a run of ours put them there, set aside in
 * the ledger when not. `within` runs at the end of the same transaction.
 */
export async function takeOut(
  context: RecopyContext,
  writer: pg.Client,
  ids: readonly bigint[],
  within: (client: pg.ClientBase, cleared: Cleared) => Promise<void> = async () => undefined,
): Promise<void> {
  const { mapping, migrationId, worker, token, origin } = context;
  const leaving = multirangeOf(ids);
  await context.itemsOfRows.undo(mapping.table, leaving, context.confirm);
  await atSide('cube', async () => {
    await writer.query('begin');
    await context.confirm(writer);
    const cleared = await clearTargetRows(writer, mapping, migrationId, ids);
    await expectUndone(context.itemsOfRows, writer, mapping.table, leaving);
    await expectCleared(writer, mapping, ids);
    await logRemovedIds(
      writer,
      { migrationId, kind: mapping.kind, table: mapping.table, worker, token, rangeId: null, origin },
      ids,
      cleared.owned,
    );
    await within(writer, cleared);
    await writer.query('commit');
  });
}
