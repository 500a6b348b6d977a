import { atSide, type Databases, dropConnection } from '../../../postgres/databases.js';
import { confirmOperation, type OperationClaim } from '../../../postgres/ledger/operations.js';
import { readHorizon } from '../../../postgres/ledger/pass-horizons.js';
import { claimSessionName } from '../../../postgres/ledger/ranges.js';
import {
  endVerification,
  type TableVerification,
  type VerificationVerdict,
  verdictOfEnded,
} from '../../../postgres/ledger/verifications.js';
import type { RowMapping, RowTables } from '../row-mapping.js';
import type { ScanProgress } from '../target-occupancy.js';
import { countSource, countTarget, findDisagreement, type SourceTotals } from './table-totals.js';

export interface ConcludeContext extends ScanProgress {
  readonly databases: Databases;
  readonly tables: RowTables;
  readonly migrationId: string;
  readonly verificationId: string;
  readonly claim: OperationClaim;
}

/**
 * Ends a verification whose every range was compared. Clean is what this transaction finds clean: every range of the whole
 * key space of every table read equal, and in each as many rows in the source up to its horizon, less the rejected ones and those that
 * follow them, as in the target, as ids that the ledger owns. One that has ended is not counted again: it gives the verdict on record.
 *
 * The target is counted span by span, each as of its own moment, and the claim is confirmed last, so that no step waits
 * for the run's row meanwhile. The claim is exclusive and held at the end: no step of the engine wrote to the target in
 * between. What others wrote to a span that had been counted is as if written just after the verdict, and no two such
 * writes can make up for each other, since rows and owned ids have to agree in every span.
 */
export async function concludeVerification(context: ConcludeContext): Promise<VerificationVerdict> {
  const { databases, tables, migrationId, verificationId, claim, signal, onRange } = context;
  const ended = await atSide('cube', () => verdictOfEnded(databases.cube, verificationId, tables[0].table));
  if (ended !== undefined) return ended;
  const counted: { readonly mapping: RowMapping; readonly source: SourceTotals }[] = [];
  for (const mapping of tables) {
    const horizon = await atSide('cube', () => readHorizon(databases.cube, migrationId, mapping.table));
    counted.push({ mapping, source: await countSource(databases, mapping, horizon, context) });
  }
  // A later claim ends this session by its name.
  const client = await databases.connect('cube', claimSessionName(claim.token));
  const drop = () => void dropConnection(client);
  signal.addEventListener('abort', drop, { once: true });
  try {
    return await atSide('cube', async () => {
      await client.query('begin');
      // Frozen between two statements, it must not hold the run's row for longer.
      await client.query("set local idle_in_transaction_session_timeout = '15s'");
      const verified: TableVerification[] = [];
      for (const { mapping, source } of counted) {
        const target = await countTarget(client, mapping, migrationId, onRange);
        verified.push({
          table: mapping.table,
          source: source.rows,
          target: target.rows,
          owned: target.movedIds,
          disagreement: findDisagreement(source, target, tables.length > 1 ? mapping.table : undefined),
        });
      }
      await confirmOperation(client, claim);
      const verdict = await endVerification(client, verificationId, verified);
      await client.query('commit');
      return verdict;
    });
  } finally {
    signal.removeEventListener('abort', drop);
    await dropConnection(client);
  }
}
