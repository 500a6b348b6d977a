import { maxKey, minKey } from '../../domain/migration/key-range.js';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { atSide } from '../../postgres/databases.js';
import { confirmOperation } from '../../postgres/ledger/operations.js';
import { unresolvedRejectIds } from '../../postgres/ledger/rejects.js';
import type { Finished, StepContext } from '../kind.js';
import { withClaimedWriter } from './claimed-writer.js';
import type { CopySettings } from './copy/copy-range.js';
import { recopyRows } from './repair/recopy-rows.js';
import type { RowMapping } from './row-mapping.js';

const rejectsAtOnce = 2000;

/** Tries rejected rows again: all that are not in the target, or those named. */
export function retryRejects(
  mapping: RowMapping,
  run: RunReference,
  settings: CopySettings,
  ids: 'all' | readonly string[],
  { databases, worker, signal, reportProgress, reach }: StepContext,
): Promise<Finished> {
  const { migrationId } = run;
  return withClaimedWriter(databases, run, async (claim, writer) => {
    const context = {
      databases,
      mapping,
      settings,
      migrationId,
      worker,
      token: claim.token,
      origin: 'retried' as const,
      confirm: (client: Parameters<typeof confirmOperation>[0]) => confirmOperation(client, claim),
      reach,
    };
    const named = ids === 'all' ? undefined : new Set(ids);
    let after = minKey;
    for (;;) {
      const page = await atSide('cube', () =>
        unresolvedRejectIds(databases.cube, migrationId, after, maxKey, rejectsAtOnce),
      );
      const last = page.at(-1);
      if (last === undefined) return { finished: true };
      if (signal.aborted) return { finished: false };
      await recopyRows(context, writer, named === undefined ? page : page.filter((id) => named.has(id.toString())));
      after = last;
      reportProgress({ position: after.toString() });
    }
  });
}
