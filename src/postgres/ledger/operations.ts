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

/**
 * Throws `claim_lost` for a run that has ended and, unless the work is its undoing, for one that is rolling back: a worker
 * that was frozen before its claim would else work on what a rollback has removed.
 */
export async function claimOperation(
  cube: pg.Pool,
  migrationId: string,
  work: 'forward' | 'undo' = 'forward',
): Promise<OperationClaim> {
  const former = await cube.query<{ operation_token: string; over: boolean }>(
    `select operation_token, finished_at is not null or ($2 <> 'undo' and stage = 'rolling_back') as over
       from ledger.migrations where id = $1`,
    [migrationId, work],
  );
  const [run] = former.rows;
  if (run === undefined) throw new Failure('not_found', `The ledger knows no migration ${migrationId}.`);
  // Before any session is ended: it may be the rollback's own.
  if (run.over) throw workIsOver(migrationId);
  await cube.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = $1 and datname = current_database() and usename = current_user`,
    [claimSessionName(BigInt(run.operation_token))],
  );
  const claimed = await cube.query<{ token: string }>(
    `update ledger.migrations set operation_token = nextval('ledger.claim_tokens')
      where id = $1 and finished_at is null and ($2 = 'undo' or stage <> 'rolling_back')
     returning operation_token as token`,
    [migrationId, work],
  );
  const [claim] = claimed.rows;
  if (claim === undefined) throw workIsOver(migrationId);
  return { migrationId, token: BigInt(claim.token) };
}

function workIsOver(migrationId: string): Failure {
  return new Failure('claim_lost', `The migration ${migrationId} is no longer at this work.`);
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
