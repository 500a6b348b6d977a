import type { RejectedItem } from '../../../domain/migration/items.js';
import type { RunReference } from '../../../domain/migration/run-reference.js';
import { confirmOperation } from '../../../postgres/ledger/operations.js';
import type { StepContext } from '../../kind.js';
import { withClaimedWriter } from '../claimed-writer.js';
import type { CopySettings } from '../copy/copy-context.js';
import type { ConvertedRow, RowMapping, RowTables } from '../row-mapping.js';
import { type FollowContext, withholdChildren } from './follow-parents.js';
import { recopyRows } from './recopy-rows.js';

/** Takes rows that were moved out of the target and keeps them as rejects; their children follow them. */
export async function rejectRows(
  tables: RowTables,
  run: RunReference,
  rejected: readonly RejectedItem[],
  { assets, databases, worker, signal, reportProgress, reach, itemsOfRows }: StepContext,
): Promise<void> {
  await withClaimedWriter(databases, run, async (claim, writer) => {
    for (const mapping of tables) {
      const context: FollowContext = {
        databases,
        mapping,
        settings,
        migrationId: run.migrationId,
        worker,
        token: claim.token,
        origin: 'retried',
        confirm: (client) => confirmOperation(client, claim),
        reach,
        signal,
        itemsOfRows,
        contentAccess: {
          assets,
          owner: `${run.kind}/${run.migrationId}/operation`,
          partsOwner: `${run.kind}/${run.migrationId}/parts`,
          signal,
          reportProgress: () => reportProgress({}),
        },
        onRange: ({ position }) => reportProgress({ position: position.toString() }),
      };
      for (const one of rejected.filter(({ item }) => item.table === mapping.table)) {
        await recopyRows({ ...context, mapping: rejecting(mapping, one) }, writer, [BigInt(one.item.id)]);
        reportProgress({ position: one.item.id });
      }
      if (!(await withholdChildren(context, writer))) signal.throwIfAborted();
    }
  });
}

const settings: CopySettings = {
  batchRows: 1000,
  batchBytes: Number.MAX_SAFE_INTEGER,
  commitRows: 1000,
  commitBytes: Number.MAX_SAFE_INTEGER,
  commitMillis: 1000,
};

/** The mapping, with a reason to convert no row at all. */
function rejecting(mapping: RowMapping, { reason, detail }: RejectedItem): RowMapping {
  return {
    ...mapping,
    converter: (movedAt) => {
      const convert = mapping.converter(movedAt);
      return (row): ConvertedRow => ({
        kind: 'reject',
        id: convert(row).id,
        reason,
        detail,
        payload: mapping.payload(row),
      });
    },
  };
}
