import type { RejectedItem } from '../../../domain/migration/items.js';
import type { RunReference } from '../../../domain/migration/run-reference.js';
import { confirmOperation } from '../../../postgres/ledger/operations.js';
import type { StepContext } from '../../kind.js';
import { withClaimedWriter } from '../claimed-writer.js';
import type { CopySettings } from '../copy/copy-range.js';
import type { ConvertedRow, RowMapping } from '../row-mapping.js';
import { recopyRows } from './recopy-rows.js';

/** Takes rows that were moved out of the target and keeps them as rejects, a transaction each. */
export async function rejectRows(
  mapping: RowMapping,
  run: RunReference,
  rejected: readonly RejectedItem[],
  { databases, worker, reportProgress, reach }: StepContext,
): Promise<void> {
  await withClaimedWriter(databases, run, async (claim, writer) => {
    const context = {
      databases,
      settings,
      migrationId: run.migrationId,
      worker,
      token: claim.token,
      origin: 'retried' as const,
      confirm: (client: Parameters<typeof confirmOperation>[0]) => confirmOperation(client, claim),
      reach,
    };
    for (const one of rejected) {
      await recopyRows({ ...context, mapping: rejecting(mapping, one) }, writer, [BigInt(one.item.id)]);
      reportProgress({ position: one.item.id });
    }
  });
}

const settings: CopySettings = {
  batchRows: 1,
  batchBytes: Number.MAX_SAFE_INTEGER,
  commitRows: 1,
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
