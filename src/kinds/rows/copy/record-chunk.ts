import type pg from 'pg';
import { type BatchOrigin, logBatches } from '../../../postgres/ledger/batches.js';
import { advanceRange, type ClaimedRange } from '../../../postgres/ledger/ranges.js';
import { recordRejects } from '../../../postgres/ledger/rejects.js';
import { recordWithheld, releaseWithheldBetween } from '../../../postgres/ledger/withheld.js';
import type { BatchLog } from './batch-log.js';
import type { CopyContext } from './copy-context.js';

/** Within the transaction of the rows: what the ledger says of those in (from, position]. Throws `claim_lost`. */
export async function recordChunk(
  client: pg.ClientBase,
  { migrationId, worker, mapping, reach }: CopyContext,
  range: ClaimedRange,
  from: bigint,
  position: bigint,
  log: BatchLog,
): Promise<void> {
  const { kind, table } = mapping;
  const origin: BatchOrigin = 'copied';
  await advanceRange(client, range, position);
  await logBatches(
    client,
    { migrationId, kind, table, worker, token: range.token, rangeId: range.id, origin },
    log.batches,
  );
  await recordRejects(client, migrationId, table, log.rejects);
  if (mapping.parent !== undefined) {
    // A repair ahead of the copy may have withheld what is moved now.
    await releaseWithheldBetween(client, migrationId, table, from, position);
    await recordWithheld(client, migrationId, table, log.withheld);
  }
  reach('before-chunk-commit');
}
