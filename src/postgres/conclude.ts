import { inTransaction } from './connect.js';
import { atSide, type Databases } from './databases.js';
import { confirmOperation, type OperationClaim } from './ledger/operations.js';
import { endVerification, type Verdict } from './ledger/verifications.js';
import type { RowMapping } from './row-mapping.js';
import { countSource, countTarget, findDisagreement } from './table-totals.js';

export interface ConcludeContext {
  readonly databases: Databases;
  readonly mapping: RowMapping;
  readonly migrationId: string;
  readonly verificationId: string;
  readonly claim: OperationClaim;
  readonly signal: AbortSignal;
}

/**
 * Ends a verification whose every range was compared. Clean is what this transaction finds clean: every range of the whole
 * key space read equal, and as many rows in the source, less the rejected ones, as in the target, as ids that the ledger
 * owns. Concluded again it gives the same answer.
 */
export async function concludeVerification(context: ConcludeContext): Promise<Verdict> {
  const { databases, mapping, migrationId, verificationId, claim, signal } = context;
  const source = await countSource(databases, mapping, signal);
  return atSide('cube', () =>
    inTransaction(databases.cube, async (client) => {
      // A pooled session has no claim's name to be ended by: frozen here, it must not hold the run's row for longer.
      await client.query("set local idle_in_transaction_session_timeout = '15s'");
      await confirmOperation(client, claim);
      const target = await countTarget(client, mapping, migrationId);
      return endVerification(client, verificationId, {
        source: source.rows,
        target: target.rows,
        owned: target.ownedIds,
        disagreement: findDisagreement(source, target),
      });
    }),
  );
}
