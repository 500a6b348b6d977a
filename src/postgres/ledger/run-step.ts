import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import type { RunStep } from '../../domain/migration/run-reference.js';

/**
 * An attempt of a step may be frozen before its statement and act long after another attempt has done the work and the plan
 * has gone on: whatever it writes is conditional on no later state being on record.
 */

/**
 * SQL that gives the run's row, and holds it in its state until the transaction ends, if the run is at work and in no later
 * state than the one it was started in. $1 is the run, $2 the number.
 */
export const currentStepSql = `select id, kind from ledger.migrations
   where id = $1 and status = 'running' and ${notLaterSql('$2')} for share`;

/** SQL of the condition that no state later than number `parameter` is on record. */
export function notLaterSql(parameter: string): string {
  return `state_sequence <= ${parameter}::bigint`;
}

/** SQL of the condition that no verification of run `id` was begun in state number `sequence` or later. */
export function notVerifiedSql(id: string, sequence: string): string {
  return `not exists (select from ledger.verifications where migration_id = ${id} and state_sequence >= ${sequence}::bigint)`;
}

/** Values of $1 and $2. */
export function runStepValues({ migrationId, sequence }: RunStep): [string, number] {
  return [migrationId, sequence];
}

/** The row of a statement that says in `is_current` whether its step is still current; throws `claim_lost` when it was not. */
export function assertCurrent<Row extends { readonly is_current: boolean }>(
  found: pg.QueryResult<Row>,
  { migrationId }: RunStep,
): Row {
  const [row] = found.rows;
  if (row?.is_current === true) return row;
  throw new Failure('claim_lost', `A step of migration ${migrationId} came late: the run has gone on, or has ended.`);
}
