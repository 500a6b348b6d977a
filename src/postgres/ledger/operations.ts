import type pg from 'pg';
import { Failure } from '../../failures.js';
import { claimSessionName } from './ranges.js';

/**
 * Verifying, repairing, retrying and removing work on a whole run, one at a time. Each takes the run's operation token;
 * a later claim makes every earlier one worthless and ends its sessions, should a frozen worker still hold some.
 */
export interface OperationClaim {
  readonly migrationId: string;
  readonly token: bigint;
}

export async function claimOperation(cube: pg.Pool, migrationId: string): Promise<OperationClaim> {
  const former = await cube.query<{ operation_token: string }>(
    'select operation_token from ledger.migrations where id = $1',
    [migrationId],
  );
  const [run] = former.rows;
  if (run === undefined) throw new Failure('not_found', `The ledger knows no migration ${migrationId}.`);
  await cube.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = $1 and datname = current_database() and usename = current_user`,
    [claimSessionName(BigInt(run.operation_token))],
  );
  const claimed = await cube.query<{ token: string }>(
    `update ledger.migrations set operation_token = nextval('ledger.claim_tokens') where id = $1
     returning operation_token as token`,
    [migrationId],
  );
  return { migrationId, token: BigInt(claimed.rows[0]?.token ?? 0) };
}

/** Within a transaction: throws `claim_lost` unless the claim is still the newest; holds it until the transaction ends. */
export async function confirmOperation(client: pg.ClientBase, claim: OperationClaim): Promise<void> {
  const held = await client.query('select 1 from ledger.migrations where id = $1 and operation_token = $2 for share', [
    claim.migrationId,
    claim.token.toString(),
  ]);
  if (held.rowCount !== 1) {
    throw new Failure('claim_lost', `Another worker took over the work on migration ${claim.migrationId}.`);
  }
}
