import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { maxKey } from '../../domain/migration/key-range.js';
import type { RangeComparison, Span } from '../../domain/migration/range-comparison.js';
import { confirmOperation, type OperationClaim } from './operations.js';
import { assertCurrent, currentStepSql, fenceValues, type RunStepFence } from './step-fence.js';

/** A comparison of both databases as the ledger holds it. */
export interface Verification {
  readonly id: string;
  /** Everything up to here is compared and its result committed. */
  readonly frontier: bigint;
}

export interface MismatchEntry {
  readonly sourceId: bigint;
  readonly field: string;
  readonly sourceValue: string | null;
  readonly targetValue: string | null;
}

export interface ComparedRange extends Span, RangeComparison {
  readonly rejectedRows: number;
  /** Rows, counted whole, that differ. */
  readonly mismatched: number;
  readonly mismatches: readonly MismatchEntry[];
}

/**
 * Starts a verification of a run, one for each state it is asked for in, however often that is tried; one that was left
 * unfinished by an earlier state is abandoned.
 */
export async function startVerification(cube: pg.Pool, asked: RunStepFence): Promise<string> {
  const started = await cube.query<{ is_current: boolean; id: string }>(
    `with asked as (${currentStepSql}),
     abandoned as (
       update ledger.verifications set status = 'abandoned', finished_at = now()
        where migration_id = $1 and status = 'running' and ($2::bigint is null or state_sequence is distinct from $2)
          and exists (select from asked)),
     started as (
       insert into ledger.verifications (migration_id, state_sequence) select id, $2 from asked
       on conflict (migration_id, state_sequence) do update set state_sequence = excluded.state_sequence
       returning id)
     select true as is_current, id from started`,
    fenceValues(asked),
  );
  return assertCurrent(started, asked).id;
}

export async function readVerification(cube: pg.Pool, id: string): Promise<Verification> {
  const found = await cube.query<{ frontier: string }>('select frontier from ledger.verifications where id = $1', [id]);
  const [row] = found.rows;
  if (row === undefined) throw new Failure('not_found', `The ledger knows no verification ${id}.`);
  return { id, frontier: BigInt(row.frontier) };
}

/** Commits the result of one range, all of it or nothing; refused when another worker took over. */
export async function recordComparedRange(
  client: pg.ClientBase,
  claim: OperationClaim,
  verificationId: string,
  range: ComparedRange,
): Promise<void> {
  await confirmOperation(client, claim);
  await client.query(
    `insert into ledger.verified_ranges
       (verification_id, after, upto, source_rows, target_rows, rejected_rows, source_digest, target_digest, mismatched)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      verificationId,
      range.after.toString(),
      range.upto.toString(),
      range.sourceRows,
      range.targetRows,
      range.rejectedRows,
      range.sourceDigest,
      range.targetDigest,
      range.mismatched,
    ],
  );
  await client.query(
    `update ledger.verifications
        set frontier = $2, compared = compared + $3, source_rows = source_rows + $3, target_rows = target_rows + $4,
            rejected_rows = rejected_rows + $5, mismatched = mismatched + $6
      where id = $1`,
    [verificationId, range.upto.toString(), range.sourceRows, range.targetRows, range.rejectedRows, range.mismatched],
  );
  await recordMismatches(client, verificationId, range.mismatches);
}

async function recordMismatches(
  client: pg.ClientBase,
  verificationId: string,
  mismatches: readonly MismatchEntry[],
): Promise<void> {
  if (mismatches.length === 0) return;
  await client.query(
    `insert into ledger.mismatches (verification_id, source_id, field, source_value, target_value)
     select $1, m.id, m.field, m.source_value, m.target_value
       from unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) as m (id, field, source_value, target_value)`,
    [
      verificationId,
      mismatches.map((mismatch) => mismatch.sourceId.toString()),
      mismatches.map((mismatch) => mismatch.field),
      mismatches.map((mismatch) => mismatch.sourceValue),
      mismatches.map((mismatch) => mismatch.targetValue),
    ],
  );
}

export interface VerificationVerdict {
  readonly clean: boolean;
  readonly compared: number;
  readonly mismatched: number;
  readonly rejected: number;
  /** At most three, for a sentence. */
  readonly examples: readonly { readonly id: string; readonly field: string }[];
  /** What does not add up over the whole tables, in a sentence. */
  readonly disagreement?: string;
}

/** What the whole tables held at the end. */
export interface VerificationTotals {
  readonly source: number;
  readonly target: number;
  /** Ids that the ledger owns. */
  readonly owned: number;
  readonly disagreement: string | undefined;
}

/**
 * Ends a verification and says how it went: clean when its ranges cover the whole key space, each read equal, and the
 * totals agree. One that has ended stays as it ended.
 */
export async function endVerification(
  cube: pg.ClientBase,
  id: string,
  totals: VerificationTotals,
): Promise<VerificationVerdict> {
  await cube.query(
    `update ledger.verifications as run
        set source_total = $2, target_total = $3, owned_total = $4, disagreement = $5, finished_at = now(),
            status = case when mismatched = 0 and frontier = ${maxKey} and $5::text is null
                           and not exists (
                             select from ledger.verified_ranges as range
                              where range.verification_id = run.id
                                and (range.mismatched > 0 or source_rows <> target_rows or source_digest <> target_digest))
                     then 'clean' else 'mismatch' end
      where id = $1 and finished_at is null`,
    [id, totals.source, totals.target, totals.owned, totals.disagreement ?? null],
  );
  const verdict = await verdictOfEnded(cube, id);
  if (verdict === undefined) throw new Failure('not_found', `The ledger knows no verification ${id} that has ended.`);
  return verdict;
}

/** How a verification went; undefined of one that has not ended. */
export async function verdictOfEnded(
  cube: pg.Pool | pg.ClientBase,
  id: string,
): Promise<VerificationVerdict | undefined> {
  const ended = await cube.query<{
    status: string;
    compared: string;
    mismatched: string;
    rejected_rows: string;
    disagreement: string | null;
  }>(
    `select status, compared, mismatched, rejected_rows, disagreement from ledger.verifications
      where id = $1 and finished_at is not null`,
    [id],
  );
  const [row] = ended.rows;
  if (row === undefined) return undefined;
  const examples = await cube.query<{ id: string; field: string }>(
    'select source_id as id, field from ledger.mismatches where verification_id = $1 order by source_id, field limit 3',
    [id],
  );
  return {
    clean: row.status === 'clean',
    compared: Number(row.compared),
    mismatched: Number(row.mismatched),
    rejected: Number(row.rejected_rows),
    examples: examples.rows,
    ...(row.disagreement === null ? {} : { disagreement: row.disagreement }),
  };
}
