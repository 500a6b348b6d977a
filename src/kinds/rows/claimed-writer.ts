import type pg from 'pg';
import type { RunReference } from '../../domain/migration/run-reference.js';
import { atSide, type Databases, dropConnection } from '../../postgres/databases.js';
import { claimOperation, type OperationClaim, type OperationPurpose } from '../../postgres/ledger/operations.js';
import { claimSessionName } from '../../postgres/ledger/ranges.js';

/** Runs `work` with a writing connection under the run's operation token; ends the connection afterwards. */
export async function withClaimedWriter<T>(
  databases: Databases,
  run: RunReference,
  work: (claim: OperationClaim, writer: pg.Client) => Promise<T>,
  purpose: OperationPurpose = 'change',
): Promise<T> {
  const claim = await atSide('cube', () => claimOperation(databases.cube, run, purpose));
  const writer = await databases.connect('cube', claimSessionName(claim.token));
  try {
    // A worker frozen between two statements of a transaction must not hold the run's row for ever.
    await atSide('cube', () => writer.query("set idle_in_transaction_session_timeout = '30s'"));
    return await work(claim, writer);
  } finally {
    await dropConnection(writer);
  }
}
