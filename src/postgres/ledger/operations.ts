import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { type FencingToken, fencingToken } from '../../domain/migration/fencing-token.js';
import type { RunStep } from '../../domain/migration/run-reference.js';
import { endClaimSessions } from './ranges.js';
import { notLaterSql, notVerifiedSql, runStepValues } from './run-step.js';

/**
 * Verifying, repairing, retrying and removing work on a whole run, one at a time. Each takes the run's operation token;
 * a later claim makes every earlier one worthless and ends its sessions, should a frozen worker still hold some.
 */
export interface OperationClaim {
  readonly migrationId: string;
  readonly token: FencingToken;
}

/**
 * What a claim is for: a run is either worked on or undone, and its stage says which. A change, as a repair or a retry of rejects, comes
 * before the verification that judges it: once one was begun in the same state, an attempt that was frozen until then comes late.
 */
export type OperationPurpose = 'work' | 'change' | 'undo';

/**
 * Throws `claim_lost` when the run does not work, or works on something else, or is in a later state: an attempt that was frozen before its
 * claim may wake up when its run has long ended, and must then not touch what a later run of the kind has put there.
 */
export async function claimOperation(
  cube: pg.Pool,
  fence: RunStep,
  purpose: OperationPurpose = 'work',
): Promise<OperationClaim> {
  const { migrationId } = fence;
  const values = [...runStepValues(fence), purpose];
  const former = await cube.query<{ operation_token: string; fits: boolean }>(
    `select operation_token, ${atWork} as fits from ledger.migrations where id = $1`,
    values,
  );
  const [run] = former.rows;
  if (run === undefined) throw new Failure('not_found', `The ledger knows no migration ${migrationId}.`);
  if (!run.fits) throw claimLost(migrationId);
  await endClaimSessions(cube, [{ token: run.operation_token }]);
  const claimed = await cube.query<{ token: string }>(
    `update ledger.migrations set operation_token = nextval('ledger.claim_tokens') where id = $1 and ${atWork}
     returning operation_token as token`,
    values,
  );
  const [taken] = claimed.rows;
  if (taken === undefined) throw claimLost(migrationId);
  if (purpose === 'change') await assertNotVerified(cube, fence);
  return { migrationId, token: fencingToken(taken.token) };
}

const atWork = `(status = 'running' and (stage = 'rolling_back') = ($3::text = 'undo') and ${notLaterSql('$2')}
   and ($3::text <> 'change' or ${notVerifiedSql('$1', '$2')}))`;

/**
 * Within a transaction: throws `claim_lost` unless the claim is still the newest and its run works; holds both until
 * the transaction ends.
 */
export async function confirmOperation(client: pg.ClientBase, claim: OperationClaim): Promise<void> {
  const confirmed = await client.query(
    "select 1 from ledger.migrations where id = $1 and operation_token = $2 and status = 'running' for share",
    [claim.migrationId, claim.token.toString()],
  );
  if (confirmed.rowCount !== 1) throw claimLost(claim.migrationId);
}

/** A verification that was begun while the claim waited for the run's row is not in what the claim has read. */
async function assertNotVerified(cube: pg.Pool, fence: RunStep): Promise<void> {
  const found = await cube.query<{ fits: boolean }>(
    `select ${notVerifiedSql('$1', '$2')} as fits`,
    runStepValues(fence),
  );
  if (found.rows[0]?.fits !== true) throw claimLost(fence.migrationId);
}

function claimLost(migrationId: string): Failure {
  return new Failure('claim_lost', `Another worker took over the work on migration ${migrationId}, or it has ended.`);
}
